-- De uno en uno: acepta un comando y pregunta por él hasta que termina. Lo que se cuenta es la vuelta entera, desde que sale
-- la solicitud hasta que se lee que terminó.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long segundos; long nanosegundos; } momento;
  int clock_gettime(int reloj, momento *ahora);
]]
local MONOTONO, ahora = 1, ffi.new("momento")

local function microsegundos()
  ffi.C.clock_gettime(MONOTONO, ahora)
  return tonumber(ahora.segundos) * 1e6 + tonumber(ahora.nanosegundos) / 1e3
end

-- Globales: es como done las ve, desde el otro lado.
vueltas, errores = {}, 0
local hilos, aceptar, comando, salida = {}, nil, nil, nil

function setup(hilo)
  table.insert(hilos, hilo)
end

function init()
  local cuerpo = assert(io.open("reserva.json")):read("*a")
  aceptar = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, cuerpo)
end

function request()
  if comando then
    return wrk.format("GET", "/comandos/" .. comando)
  end
  salida = microsegundos()
  return aceptar
end

function response(estado, _, cuerpo)
  if not comando then
    comando = estado == 202 and cuerpo:match('"id_comando":"([^"]+)"') or nil
    errores = errores + (comando and 0 or 1)
  elseif cuerpo:find('"estado":"ejecutado"', 1, true) then
    table.insert(vueltas, microsegundos() - salida)
    comando = nil
  elseif not cuerpo:find('"estado":"pendiente"', 1, true) then
    errores, comando = errores + 1, nil
  end
end

function done(resumen)
  local tiempos, malas = hilos[1]:get("vueltas"), hilos[1]:get("errores")
  table.sort(tiempos)
  local function centil(parte)
    return tiempos[math.max(1, math.ceil(#tiempos * parte))] or 0
  end
  local red = resumen.errors
  print(string.format("medida %d %d %d %d %d %d", #tiempos + malas, resumen.duration, centil(0.5), centil(0.99), malas,
    red.connect + red.read + red.write + red.timeout))
end
