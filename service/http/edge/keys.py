"""API keys: where they come from, and what each of them may do."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path

from service.errors import AdminOff, NotAllowed, SettingsError, UnknownKey
from service.settings import PREFIX, Settings

MIN_KEY_LENGTH = 16


class Right(IntEnum):
    """What a call needs; a higher one holds those below it."""

    OPEN = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """As messages name it, after "may"."""
        return "administer" if self is Right.ADMIN else self.name.lower()


KEYED = (Right.READ, Right.WRITE, Right.ADMIN)


class Keys:
    """
    Who may do what. Keys are kept as SHA-256 and compared in constant time.

    While there is no key at all, everything but admin calls is open. From the first key on, every call needs one.
    """

    def __init__(self, keys: Mapping[str, Right]) -> None:
        self._rights = [(_digest(key), right) for key, right in keys.items()]

    @property
    def is_open(self) -> bool:
        """Whether there is no key at all."""
        return not self._rights

    @property
    def has_admin(self) -> bool:
        """Whether admin calls are switched on."""
        return any(right is Right.ADMIN for _, right in self._rights)

    def require(self, right: Right, key: str | None) -> None:
        """
        Returns if a key may do what needs a right.

        Raises:
            AdminOff: an admin call, and no admin key is set.
            UnknownKey: no key came, or none that is known.
            NotAllowed: the key's right is too low.
        """
        if right is Right.ADMIN and not self.has_admin:
            raise AdminOff
        if right is Right.OPEN or self.is_open:
            return
        held = self._right_of(key)
        if held is Right.OPEN:
            raise UnknownKey(came=key is not None)
        if held < right:
            raise NotAllowed(needed=right.label, held=held.label)

    def _right_of(self, key: str | None) -> Right:
        """The key's right, `OPEN` for none; looks at every key, so that time tells nothing of where it matched."""
        digest, held = _digest(key or ""), Right.OPEN
        for known, right in self._rights:
            if hmac.compare_digest(known, digest):
                held = right
        return held


def read_keys(settings: Settings) -> Keys:
    """
    The keys of the settings and of the file or folder that they name.

    Raises:
        SettingsError: the file cannot be read, or a key is too short or of odd characters; never quotes a key.
    """
    texts = [(f"{PREFIX}{right.name}_KEYS", right, _of_settings(settings, right)) for right in KEYED]
    if settings.keys_file is not None:
        texts += _read_place(settings.keys_file)
    rights: dict[str, Right] = {}
    for where, right, text in texts:
        for key in _split(where, text):
            rights[key] = max(right, rights.get(key, right))
    return Keys(rights)


def _of_settings(settings: Settings, right: Right) -> str:
    by_right = {Right.READ: settings.read_keys, Right.WRITE: settings.write_keys, Right.ADMIN: settings.admin_keys}
    return by_right[right].get_secret_value()


def _read_place(place: Path) -> list[tuple[str, Right, str]]:
    try:
        return _read_folder(place) if place.is_dir() else _read_file(place)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"{PREFIX}KEYS_FILE names {place}, which cannot be read: {type(error).__name__}") from error


def _read_folder(folder: Path) -> list[tuple[str, Right, str]]:
    """One file a right, `thaw_write_keys` for instance, as Docker lays secrets out; other files are not ours."""
    files = [(folder / f"{PREFIX}{right.name}_KEYS".lower(), right) for right in KEYED]
    found = [(str(file), right, file.read_text(encoding="utf-8")) for file, right in files if file.is_file()]
    if not found:
        names = ", ".join(file.name for file, _ in files)
        raise SettingsError(f"{PREFIX}KEYS_FILE names {folder}, which holds none of {names}")
    return found


def _read_file(file: Path) -> list[tuple[str, Right, str]]:
    """Lines `THAW_WRITE_KEYS=key,key`; blank ones and those that begin with # are passed over."""
    names = {f"{PREFIX}{right.name}_KEYS": right for right in KEYED}
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        name, _, keys = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if name.strip() not in names:
            raise SettingsError(f"line {number} of {file} is not {' or '.join(f'{name}=...' for name in names)}")
        found.append((f"line {number} of {file}", names[name.strip()], keys))
    return found


def _split(where: str, text: str) -> Iterable[str]:
    for key in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        if len(key) < MIN_KEY_LENGTH or not (key.isascii() and key.isprintable()) or " " in key:
            raise SettingsError(f"{where}: a key has at least {MIN_KEY_LENGTH} printable ASCII characters and no blank")
        yield key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
