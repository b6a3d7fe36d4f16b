-- Da siempre la misma orden, sin cuerpo.
wrk.method = "POST"
dofile("informe.lua")
