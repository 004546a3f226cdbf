"""Every way in which an origin's certificate can be wrong, through the real proxy: blocked by default, allowed by rule,
or shown to the client, and always named in the event."""
import pathlib
import ssl
import tempfile

from cryptography.hazmat.primitives import hashes

from tests.integration.test_interception import SecureWeb
from tests.support import bad_certificates as bad
from tests.support import cases, inspection, programs

EVERYTHING = "[expired, not_yet_valid, self_signed, untrusted_root, incomplete_chain, name_mismatch, revoked, other]"
POLICY = f"""
tenant: default
certificate_errors:
  default: block
  rules:
  - {{domains: [allow.test], allow: {EVERYTHING}, action: allow}}
  - {{domains: [mirror.test], allow: {EVERYTHING}, action: mirror}}
"""
ZONES = ("block.test", "allow.test", "mirror.test")
INTERMEDIATES = 40  # more than anybody verifies

# What is wrong -> cert_errors of the event; nothing: it is right.
WRONG = {
    "good": [], "expired": ["expired"], "early": ["not_yet_valid"], "wronghost": ["name_mismatch"],
    "selfsigned": ["self_signed"], "stranger": ["untrusted_root"], "incomplete": ["incomplete_chain"],
    "revoked": ["revoked"], "sha1": ["weak_signature"], "nosan": ["no_san"], "manynames": [],
    "weakkey": ["weak_key"], "narrow": ["name_constraint"], "deep": None, "expiredwrong": ["expired", "name_mismatch"],
    "asterisk": ["name_mismatch"],
}


class BySni(SecureWeb):
    """Shows the certificate whose name is the first label of the SNI."""

    def __init__(self, leaves):
        def prepare(context):
            contexts = {}
            for name, leaf in leaves.items():
                contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                contexts[name].set_ciphers("DEFAULT:@SECLEVEL=0")
                contexts[name].load_cert_chain(*leaf.files)

            def choose(connection, name, _):
                if name and name.partition(".")[0] in contexts:
                    connection.context = contexts[name.partition(".")[0]]
            context.sni_callback = choose
        super().__init__(*leaves["good"].files, prepare)


class Certificates(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-certificates-")
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = directory = pathlib.Path(temporary.name)
        (directory / "policy.yaml").write_text(POLICY)
        (directory / "trust.pem").write_bytes(cls.make_leaves())
        cls.web = cls.keep(BySni(cls.leaves))
        cls.old = cls.keep(SecureWeb(*cls.leaves["good"].files, cls.tls10))
        cls.weak_dh = cls.keep(SecureWeb(*cls.leaves["rsa"].files, cls.dh1024))
        settings = inspection.interception(directory)
        cls.root = settings["chain"]
        return {"ports": [cls.web.port, cls.old.port, cls.weak_dh.port],
                "proxy": {"policy": str(directory / "policy.yaml"), "interception": settings,
                          "origin": {"resolve": {zone: "127.0.0.1" for zone in ZONES},
                                     "trust": str(directory / "trust.pem"), "crls": [str(directory / "crl.pem")]}}}

    @classmethod
    def make_leaves(cls):
        """Fills `leaves` and the CRL; gives the trusted root."""
        root, stranger = bad.Signer("Test root"), bad.Signer("Strange CA")
        middle = bad.Signer("Middle CA", root)
        narrow = bad.Signer("Narrow CA", root, constraint="inside.test")
        deep = [bad.Signer("Deep 0", root)]
        for number in range(1, INTERMEDIATES):
            deep.append(bad.Signer(f"Deep {number}", deep[-1]))

        def leaf(name, names=None, issuer=middle, above=(middle,), **more):
            wanted = [f"{name}.{zone}" for zone in ZONES] if names is None else names
            return bad.Leaf(cls.directory, name, wanted, issuer, above, **more)
        cls.leaves = {
            "good": leaf("good", [*(f"*.{zone}" for zone in ZONES), "127.0.0.1"]),
            "expired": leaf("expired", begins=-20, ends=-1),
            "early": leaf("early", begins=5),
            "wronghost": leaf("wronghost", ["elsewhere.test"]),
            "selfsigned": leaf("selfsigned", issuer=None, above=()),
            "stranger": leaf("stranger", issuer=stranger, above=(stranger,)),
            "incomplete": leaf("incomplete", above=()),
            "revoked": leaf("revoked"),
            "sha1": leaf("sha1", digest=hashes.SHA1()),
            "nosan": leaf("nosan", []),
            "manynames": leaf("manynames", [f"manynames.{zone}" for zone in ZONES] +
                              [f"name-{number}.example" for number in range(1000)]),
            "weakkey": leaf("weakkey", rsa_bits=1024),
            "narrow": leaf("narrow", issuer=narrow, above=(narrow,)),
            "deep": leaf("deep", issuer=deep[-1], above=tuple(reversed(deep))),
            "expiredwrong": leaf("expiredwrong", ["elsewhere.test"], begins=-20, ends=-1),
            "asterisk": leaf("asterisk", [f"aster*.{zone}" for zone in ZONES] + ["*.test"]),
            "rsa": leaf("rsa", [f"*.{zone}" for zone in ZONES], rsa_bits=2048),
        }
        (cls.directory / "crl.pem").write_bytes(middle.revoke(cls.leaves["revoked"].certificate) + root.revoke())
        return root.pem()

    @staticmethod
    def tls10(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1

    @classmethod
    def dh1024(cls, context):
        parameters = cls.directory / "dh1024.pem"
        programs.run(["openssl", "genpkey", "-genparam", "-algorithm", "DHX", "-pkeyopt", "dh_rfc5114:1", "-out",
                      parameters])
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.load_dh_params(parameters)
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    def curl(self, url, *options):
        return programs.run(["curl", "-sS", "--cacert", self.root, *options, "--proxy",
                             "http://%s:%d" % self.proxy.address, url])

    def url(self, host, web=None):
        return f"https://{host}:{(web or self.web).port}/bytes/4"

    def check_errors(self, event, wanted):
        if wanted is None:
            self.assertTrue(event["cert_errors"])
        else:
            self.assertEqual(sorted(event.get("cert_errors") or []), sorted(wanted), event)

    def test_block(self):
        for name, wrong in WRONG.items():
            with self.subTest(name):
                done = self.curl(self.url(f"{name}.block.test"))
                event = self.store.wait_for_events(f"host eq {name}.block.test")[0]
                self.check_errors(event, wrong)
                if wrong == []:
                    self.assertEqual((done.stdout, event["action"]), ("ssss", "allow"), done.stderr)
                    continue
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual((event["action"], event["policy_kind"], event["close_reason"]),
                                 ("block", "certificate_error", "certificate_error"))
                self.assertNotIn(f"{name}.block.test", "".join(self.web.heads))

    def test_allow(self):
        for name, wrong in WRONG.items():
            with self.subTest(name):
                done = self.curl(self.url(f"{name}.allow.test"))
                self.assertEqual(done.stdout, "ssss", done.stderr)
                event = self.store.wait_for_events(f"host eq {name}.allow.test")[0]
                self.assertEqual(event["action"], "allow")
                self.check_errors(event, wrong)

    def test_mirror(self):
        for name, wrong in WRONG.items():
            with self.subTest(name):
                url = self.url(f"{name}.mirror.test")
                done = self.curl(url)
                if wrong == []:
                    self.assertEqual(done.stdout, "ssss", done.stderr)
                    continue
                self.assertEqual(done.returncode, 60, done.stderr)
                event = self.store.wait_for_events(f"host eq {name}.mirror.test and tls_fail_side eq client")[0]
                self.check_errors(event, wrong)
                self.assertEqual(self.curl(url, "--insecure").stdout, "ssss")
                event = self.store.wait_for_events(f"host eq {name}.mirror.test and status = 200")[0]
                self.check_errors(event, wrong)
                self.assertEqual(event["policy"], "mirror.test")

    def test_address_in_the_certificate(self):
        done = self.curl(f"https://127.0.0.1:{self.web.port}/bytes/4")
        self.assertEqual(done.stdout, "ssss", done.stderr)
        self.one_event("host eq 127.0.0.1", action="allow", url=f"https://127.0.0.1:{self.web.port}/bytes/4")

    def test_handshakes_that_no_rule_allows(self):
        for web, host in ((self.old, "tls10.allow.test"), (self.weak_dh, "dh.allow.test")):
            with self.subTest(host):
                self.assertNotEqual(self.curl(self.url(host, web)).returncode, 0)
                event = self.one_event(f"host eq {host}", close_reason="tls_origin", tls_fail_side="origin",
                                       error_stage="handshaking")
                self.assertGreater(event["tls_alert"], 0)


