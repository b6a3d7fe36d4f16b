-- La línea que lee quien lanzó wrk: respuestas, microsegundos, p50, p99, respuestas de error y errores de red.
function done(resumen, latencia)
  local errores = resumen.errors
  io.write(string.format("medida %d %d %d %d %d %d\n", resumen.requests, resumen.duration, latencia:percentile(50),
    latencia:percentile(99), errores.status, errores.connect + errores.read + errores.write + errores.timeout))
end
