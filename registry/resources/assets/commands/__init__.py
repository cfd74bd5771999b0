"""Commands on assets: registering, editing, service status, and the lock under which one is booked."""
