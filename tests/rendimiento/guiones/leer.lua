-- Pide siempre lo mismo, lo que diga la dirección.
dofile("informe.lua")
