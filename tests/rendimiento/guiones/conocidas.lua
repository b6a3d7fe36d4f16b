-- Las rutas de las reservas que dejó sembradas quien mide, y sus solicitudes, que se forman una sola vez.
local SEMBRADAS = 10000

function solicitudes_conocidas()
  local solicitudes = {}
  for numero = 0, SEMBRADAS - 1 do
    solicitudes[numero] = wrk.format("GET", string.format("/vuelos/reserva/00000000-0000-7000-8000-1%011d", numero))
  end
  return function() return solicitudes[math.random(0, SEMBRADAS - 1)] end
end
