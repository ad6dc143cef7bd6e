"""Every setting, read from the environment and from a ``.env`` file."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from bot.texts import mark
from services.errors import InvalidInput
from services.mailchimp import hosts
from storage.vault import Vault


class Settings(BaseSettings):
    """What a person can set. Secrets never show in a repr, a log or an error."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_client_id: str | None = None
    slack_client_secret: SecretStr | None = None
    mailchimp_client_id: str | None = None
    mailchimp_client_secret: SecretStr | None = None

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("postino")), validation_alias="POSTINO_HOME"
    )
    database_url: str | None = Field(None, validation_alias="POSTINO_DATABASE_URL")
    secret_key: SecretStr | None = Field(None, validation_alias="POSTINO_SECRET_KEY")
    source_url: str | None = Field(None, validation_alias="POSTINO_SOURCE_URL")
    source_mapping: Path | None = Field(None, validation_alias="POSTINO_SOURCE_MAPPING")
    segments: str | None = Field(None, validation_alias="POSTINO_SEGMENTS")
    public_url: str | None = Field(None, validation_alias="POSTINO_PUBLIC_URL")
    http_port: int = Field(8080, validation_alias="POSTINO_HTTP_PORT")
    log_level: str = Field("INFO", validation_alias="POSTINO_LOG_LEVEL")
    slack_api_url: str | None = Field(None, validation_alias="POSTINO_SLACK_API_URL")
    mailchimp_api_url: str | None = Field(None, validation_alias="POSTINO_MAILCHIMP_API_URL")
    mailchimp_login_url: str | None = Field(None, validation_alias="POSTINO_MAILCHIMP_LOGIN_URL")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("slack_api_url", "mailchimp_api_url", "mailchimp_login_url")
    @classmethod
    def _loopback_or_https(cls, url: str | None) -> str | None:
        """A credential goes to these addresses: only this computer, or an encrypted connection."""
        if url is None:
            return None
        try:
            return hosts.check_override(url, field="url")
        except InvalidInput:
            raise ValueError(
                mark("must begin with https:// or be an address of this computer, such as http://127.0.0.1:8000")
            ) from None

    @field_validator("http_port", mode="before")
    @classmethod
    def _port(cls, port: object) -> object:
        if not str(port).isdecimal() or int(str(port)) > 65535:
            raise ValueError(mark("must be a port, a number from 0 to 65535"))
        return port

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError(mark("must be DEBUG, INFO, WARNING or ERROR"))
        return level.upper()

    @classmethod
    def unknown(cls) -> list[str]:
        """Names in the environment and in ``.env`` that look like settings of ours and are none, such as misspelt ones."""
        known = {_setting(name, field) for name, field in cls.model_fields.items()}
        given = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(cls).env_vars)}
        return sorted(name for name in given - known if name.startswith(("POSTINO_", "MAILCHIMP_CLIENT")))

    @property
    def database(self) -> str:
        """The database's URL: the one set, else SQLite in the home folder. Hosters write postgres:// for postgresql://."""
        if self.database_url and self.database_url.startswith("postgres://"):
            return self.database_url.replace("postgres", "postgresql", 1)
        return self.database_url or f"sqlite:///{self.home / 'postino.sqlite'}"

    def secret_keys(self) -> list[str]:
        """The keys that seal and open credentials, newest first; a 0600 file in the home folder if none is set."""
        if self.secret_key is not None:
            return [key.strip() for key in self.secret_key.get_secret_value().split(",") if key.strip()]
        path = self.home / "secret.key"
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._keys_in(path)
        with os.fdopen(handle, "w") as file:
            file.write(Vault.new_key())
        return self._keys_in(path)

    @staticmethod
    def _keys_in(path: Path) -> list[str]:
        keys = path.read_text(encoding="ascii", errors="replace").split()
        try:
            Vault(keys)
        except ValueError:
            raise InvalidInput(
                "The key file {path} is empty or damaged. Bring it back from a backup. Without it no stored credential can "
                "be opened: then delete the file, and connect Mailchimp again.",
                field="POSTINO_SECRET_KEY",
                path=str(path),
            ) from None
        return keys


def _setting(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name.upper()
