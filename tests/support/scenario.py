"""The reference scenario: the policies of its steps, the lines of the client log. For quickstart and test."""
import re

LOG_AS = "stAgentSvc"  # the program name that parsers of client logs know
LINE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} stAgentSvc p[0-9a-f]+ t[0-9a-f]+ info [\w./]+:\d+ (.+)")
BYPASSING = "BypassAppMgr Bypassing connection from process: {process}, host: {host}"
TUNNELING = "BypassAppMgr Bypassing connection by tunneling from process: {process}, host: {host}"

_EXCEPTION = """
  exceptions:
  - name: Dropbox
    certificate_pinned_app: {{app: Dropbox, action: bypass, mode: {mode}}}"""

_BLOCK = """
ssl_decryption_policies:
- {name: Do not decrypt Dropbox, match: {domains: [dropbox.com, dropboxapi.com]}, action: do_not_decrypt}
url_lists:
- {name: dropbox-urls, type: exact, urls: [dropbox.com, dropboxapi.com]}
custom_categories:
- {name: Blocked apps, include_url_lists: [dropbox-urls]}
realtime_policies:
- {name: Block apps, match: {categories: [Blocked apps]}, action: block}
"""

_INSPECT = """
url_lists:
- {name: secrets, type: exact, urls: [files.acme.test/secret]}
custom_categories:
- {name: Secret files, include_url_lists: [secrets]}
realtime_policies:
- {name: No secrets, match: {categories: [Secret files]}, action: block, notification: default}
notifications: {default: {title: This file is secret, body: Ask for it., support: it@acme.test}}
"""


def policy(tenant="acme", bypass_at="client", mode="direct", bypassed_traffic="log", blocked=False, inspected=False,
           web_ports=(443, 80)):
    """The tenant's policy of one step. `blocked`: Dropbox is no exception any more, and a rule blocks it by name.
    `inspected`: a rule blocks a URL, which only who decrypts can see."""
    exception = "" if blocked else _EXCEPTION.format(mode=mode)
    return f"""tenant: {tenant}
bypassed_traffic: {bypassed_traffic}
steering_configurations:
- name: default
  traffic: web
  web_ports: [{', '.join(map(str, web_ports))}]
  bypass_exceptions_at: {bypass_at}
  fail: closed{exception}
{_BLOCK if blocked else ""}{_INSPECT if inspected else ""}"""
