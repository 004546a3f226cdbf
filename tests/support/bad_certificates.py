"""Certificates of every wrong kind, made with python3-cryptography: what openssl's command line will not make."""
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Signer:
    """A CA: certificate and key."""

    def __init__(self, name, issuer=None, constraint=None, path_length=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.key.public_key(), issuer.certificate.subject if issuer else _name(name))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False),
                                        critical=True)
        if constraint:
            builder = builder.add_extension(x509.NameConstraints([x509.DNSName(constraint)], None), critical=True)
        signer = issuer.key if issuer else self.key
        self.certificate = builder.sign(signer, hashes.SHA256())

    def pem(self):
        return _pem(self.certificate)

    def revoke(self, *certificates):
        """A CRL in PEM."""
        now = datetime.datetime.utcnow()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - DAY).next_update(now + 30 * DAY)
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(name, public_key, issuer, begins=-2, ends=30):
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer).public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY).not_valid_after(now + ends * DAY))


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Leaf:
    """A server's certificate as PEM files `<name>.crt` (with `above` behind it) and `<name>.key`."""

    def __init__(self, directory, name, names, issuer, above=(), begins=-2, ends=30, digest=None, rsa_bits=0):
        key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, key.public_key(), issuer.certificate.subject if issuer else _name(name), begins, ends)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(one) for one in names]), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        self.certificate = builder.sign(issuer.key if issuer else key, digest or hashes.SHA256())
        directory = pathlib.Path(directory)
        self.files = (directory / f"{name}.crt", directory / f"{name}.key")
        self.files[0].write_bytes(_pem(self.certificate) + b"".join(one.pem() for one in above))
        self.files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                    serialization.NoEncryption()))
