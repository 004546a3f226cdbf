"""A certificate authority for tests, made with the openssl command."""
import pathlib
import subprocess


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
        certificate, key = self.directory / f"{names[0]}.crt", self.directory / f"{names[0]}.key"
        kinds = ",".join(("IP:" if name.replace(".", "").isdigit() or ":" in name else "DNS:") + name for name in names)
        _openssl("req", "-x509", "-CA", self.certificate, "-CAkey", self.key, "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj", f"/CN={names[0]}", "-keyout", key,
                 "-out", certificate, "-addext", f"subjectAltName={kinds}",
                 "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth")
        return certificate, key
