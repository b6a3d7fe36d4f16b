-- Lee reservas sembradas, al azar entre todas: cuántas hay lo dice la dirección. Las solicitudes se forman una sola vez.
dofile("informe.lua")
local DISTINTAS = 20000

function init()
  local hay = tonumber(wrk.path:match("%d+"))
  math.randomseed(os.time())
  local solicitudes = {}
  for numero = 1, DISTINTAS do
    local ruta = string.format("/vuelos/reserva/00000000-0000-7000-8000-1%011d", math.random(0, hay - 1))
    solicitudes[numero] = wrk.format("GET", ruta)
  end
  request = function() return solicitudes[math.random(DISTINTAS)] end
end
