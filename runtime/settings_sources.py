"""Where settings come from besides the environment: files with secrets, and a running local stack."""

import os
from pathlib import Path
from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from runtime.running_stack import connection


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets in files that ``SEGUE_..._FILE`` names, as Docker and Kubernetes mount them."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: :meth:`__call__` reads all fields at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the content of the files, without the final line break."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            variable = f"SEGUE_{name.upper()}_FILE"
            if "SecretStr" in str(field.annotation) and (path := os.environ.get(variable)):
                try:
                    found[name] = Path(path).read_text().rstrip("\r\n")
                except OSError as error:
                    raise FileNotFoundError(f"{variable}: can't read {path} ({error.strerror})") from error
        return found


class StackSource(PydanticBaseSettingsSource):
    """The connection settings that a running local stack writes to its state folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: :meth:`__call__` reads the whole file at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings in the stack's file; none if no stack is running."""
        stack = connection(Path(self.current_state.get("state_dir", ".segue")))
        if "database_url" in self.current_state:
            # A database that the environment names is the dashboard's database, too.
            stack.pop("dashboard_database_url", None)
            stack.pop("masked_database_url", None)
        return stack
