# backend, model, optimizer
