-- Lo de un día cualquiera, a un ritmo que se puede sostener: de cada veinte, catorce lecturas, una lista, tres reservas
-- y dos comandos. Entre una y otra, cada conexión descansa.
dofile("conocidas.lua")
dofile("informe.lua")

local DESCANSO_MS = 20
local numero = 0

function init()
  local conocida = solicitudes_conocidas()
  local lista = wrk.format("GET", "/vuelos/reserva")
  dofile("cuerpo.lua") -- las lecturas, ya formadas, no llevan cuerpo
  local reserva = wrk.format("POST", "/vuelos/reserva")
  local comando = wrk.format("POST", "/vuelos/reserva-comando")
  local turnos = { [0] = lista, reserva, reserva, reserva, comando, comando }
  request = function()
    numero = (numero + 1) % 20
    return turnos[numero] or conocida()
  end
end

function delay() return DESCANSO_MS end
