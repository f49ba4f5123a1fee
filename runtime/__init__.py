"""What every process needs: settings, logs, health over HTTP and retries. Imports nothing else of the project."""
