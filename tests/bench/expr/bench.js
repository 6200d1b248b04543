// The work of bench.c in JavaScript (qjs).
const headers = { "x-tenant": "contoso",
    "authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln" };
const context = { Request: { Method: "POST", Headers: headers } };
const header = (name, standard) => context.Request.Headers[name.toLowerCase()] ?? standard;
const items = [];
for (let i = 0; i < 36; i++)
    items.push({ sku: "item-" + String(i).padStart(3, "0"), count: i, price: i + 0.5 });
const json = JSON.stringify({ order: { id: "o-77", total: 12.5 }, items });

const cases = {
    "header-compare": () => header("X-Tenant", "") === "contoso",
    "header-icase": () => header("X-Tenant", "").toLowerCase() === "contoso",
    "method-and-header": () => context.Request.Method === "POST" && "X-Tenant".toLowerCase() in context.Request.Headers,
    "interpolation": () => `https://${header("X-Tenant", "")}.example/v${2}/items`,
    "split-last": () => header("Authorization", "").split(" ").at(-1),
    "json-parse-pick": () => JSON.parse(json).order.id,
    "json-build": () => JSON.stringify({ code: 429, message: "slow down" }),
    "regex-match": () => /max-age=(?<s>[0-9]+)/.exec("public, max-age=120").groups.s,
    "linq-50": () => Array.from({ length: 50 }, (_, i) => i + 1).filter(x => x % 3 === 0).map(x => x * 2).reduce((a, b) => a + b, 0),
    "loop-100": () => { let s = 0; for (let i = 0; i < 100; i++) { if (i % 7 === 0) continue; s += i; } return s; },
    "cookie-pick": () => "a=1; session=abc; b=2".split(";").map(c => c.trim()).find(c => c.startsWith("session=")),
};

for (const name in cases) {
    const f = cases[name];
    const start = Date.now();
    let n = 0;
    while (Date.now() - start < 200)
        for (let i = 0; i < 1000; i++, n++)
            f();
    console.log(name + "\t" + Math.round((Date.now() - start) * 1e6 / n));
}
