-- El cuerpo de una reserva de ida y vuelta, el del tutorial.
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("reserva.json"):read("*l")
