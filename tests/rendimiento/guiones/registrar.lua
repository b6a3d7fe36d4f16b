-- Registra usuarios, cada uno con su e-mail.
dofile("informe.lua")
wrk.headers["Content-Type"] = "application/json"

local PLANTILLA = '{"nombres":"Ana María","apellidos":"Pérez","email":"ana-%d-%d@ejemplo.co",'
  .. '"password":"correcta-y-larga","es_empresarial":false}'
local empezo, numero = os.time(), 0

function request()
  numero = numero + 1
  return wrk.format("POST", nil, nil, string.format(PLANTILLA, empezo, numero))
end
