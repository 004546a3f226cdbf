// The change of a policy file that blocks an application by its domains.

export const nameOf = (app: string) => `Block ${app}`;

export function domainsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[\s,]+/)
        .map((name) => name.trim().toLowerCase())
        .filter(Boolean),
    ),
  ];
}

const scalar = (text: string) =>
  /^[A-Za-z][\w .-]*$/.test(text) && !/^(yes|no|true|false|null)$/i.test(text) ? text : JSON.stringify(text);

export function blockingDiff(app: string, domains: string[]): string {
  const list = `${app
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")}-urls`;
  const names = `[${domains.map(scalar).join(", ")}]`;
  return [
    " steering_configurations:",
    " - name: default",
    "   exceptions:",
    `-  - {name: ${scalar(app)}, certificate_pinned_app: {app: ${scalar(app)}}}`,
    " ssl_decryption_policies:",
    `+- {name: ${scalar(`Do not decrypt ${app}`)}, match: {domains: ${names}}, action: do_not_decrypt}`,
    " url_lists:",
    `+- {name: ${list}, urls: ${names}}`,
    " custom_categories:",
    `+- {name: ${scalar(`${app} traffic`)}, include_url_lists: [${list}]}`,
    " realtime_policies:",
    `+- {name: ${scalar(nameOf(app))}, match: {categories: [${scalar(`${app} traffic`)}]}, action: block}`,
  ].join("\n");
}
