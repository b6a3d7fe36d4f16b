-- Crea reservas, todas iguales: la solicitud se forma una sola vez.
wrk.method = "POST"
dofile("cuerpo.lua")
dofile("informe.lua")
