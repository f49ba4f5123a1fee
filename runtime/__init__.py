"""What every process needs: settings, logs, health over HTTP and back-off. Imports no other package of the project."""
