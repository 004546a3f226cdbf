"""A certificate authority for tests, made with the openssl command."""
import pathlib
import subprocess
from urllib.parse import quote


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Authority:
    """A root and the leaves it signs, all as PEM files in one directory."""

    def __init__(self, directory, name="Sluice test root"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "root.crt"
        self.key = self.directory / "root.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate,
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, *names, days=30):
        """(certificate, key) of a server with these DNS names or addresses."""
        kinds = ",".join(("IP:" if name.replace(".", "").isdigit() or ":" in name else "DNS:") + name for name in names)
        return self._issue(names[0], kinds, days)

    def issue_device(self, device, user, tenant="default"):
        """(certificate, key) of a device."""
        return self._issue(device, f"URI:sluice://{tenant}/device/{device}?user={quote(user, safe='-._~')}", 30)

    def _issue(self, name, alternative_names, days):
        certificate, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        _openssl("req", "-x509", "-CA", self.certificate, "-CAkey", self.key, "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj", f"/CN={name}", "-keyout", key,
                 "-out", certificate, "-addext", f"subjectAltName={alternative_names}",
                 "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth")
        return certificate, key
