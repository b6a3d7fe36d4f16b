-- Lee reservas sembradas, al azar.
dofile("conocidas.lua")
dofile("informe.lua")

-- Ahí, y no antes, se sabe a qué servidor se pide.
function init() request = solicitudes_conocidas() end
