#!/usr/bin/env python3
"""Generated policy expressions through `holdfast eval --batch -`: each line must be answered by a line, in time.
The grammar comes from policy/expr/members.def, so that every type and member of the library is called.

  expressions.py HOLDFAST [--count N] [--seed N] [--limit MS] [--sweep] [--print]

  --count N    expressions to try (default 2,000; the long run takes 100,000 under AddressSanitizer)
  --seed N     the first one's number: expression k of a run is number seed + k, whatever the count
  --limit MS   most CPU time one expression may take (default 500; budgets end it far earlier without sanitizers)
  --sweep      instead: every member called with large arguments in an endless loop. What does linear work without
               charging for it takes seconds here
  --print      print the expressions and evaluate nothing

Exit 1 with the expression when the program dies, hangs, or answers something that is not one line of JSON."""
import argparse, json, os, random, re, select, subprocess, sys, tempfile, time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


# ---- the library, from its tables ----

def tables():
    """[(type, parameters, bases, flags, members, values)]; a member is (kind, name, signature)."""
    source = """
#define TYPE(id, ns, name, alias, params, bases, flags) @T name @ alias @ params @ bases @ #flags
#define MEMBER(kind, name, signature, function) @M #kind @ name @ signature
#define VALUE(name, number) @V name
#define END(id)
#include "policy/expr/members.def"
"""
    out = subprocess.run(["cc", "-E", "-P", "-I", ROOT, "-x", "c", "-"], input=source, capture_output=True, text=True, check=True).stdout
    types = []
    for record in re.split(r"@(?=[TMV]\b)", out):
        kind, fields = record[:1], [text_of(f) for f in record[1:].split(" @")]
        if kind == "T":
            name, alias, params, bases, flags = fields
            types.append(dict(name=alias or name, full=name, params=[p for p in params.split(",") if p],
                              bases=split_types(bases), flags=flags, members=[], values=[]))
        elif kind == "M":
            types[-1]["members"].append(tuple(fields))
        elif kind == "V":
            types[-1]["values"].append(fields[0])
    return [t for t in types if "<" not in t["full"] or t["full"] in ("<array>", "<sequence>")]


def text_of(field):
    """Adjacent C string literals as one text."""
    return "".join(json.loads(p) for p in re.findall(r'"(?:[^"\\]|\\.)*"', field))


def split_types(text):
    """Commas outside <> and () divide."""
    parts, depth, last = [], 0, 0
    for i, ch in enumerate(text):
        depth += ch in "<([" 
        depth -= ch in ">)]"
        if ch == "," and depth == 0:
            parts.append(text[last:i].strip())
            last = i + 1
    return [p for p in parts + [text[last:].strip()] if p]


def substitute(t, names):
    return re.sub(r"\b[A-Z]\b", lambda m: names.get(m[0], m[0]), t)


class Member:
    """What can stand in an expression: kind, owner, name, result, parameters [(type, modifier, optional)]."""

    def __init__(self, owner, kind, name, signature):
        m = re.match(r"^(.*?)\s*(<[A-Z,]+>)?\s*\((.*)\)$", signature) if kind not in ("GET", "SGET") else None
        self.owner, self.kind, self.name = owner, kind, name
        self.result = (m[1] if m else signature).strip()
        self.generics = m[2][1:-1].split(",") if m and m[2] else []
        self.params = [self.parameter(p) for p in split_types(m[3])] if m else []

    @staticmethod
    def parameter(p):
        optional = "=" in p
        p = p.split("=")[0].strip()
        m = re.match(r"^(this |out |params |ref )?(.*?)( [\w@]+)?$", p)
        return m[2].strip(), (m[1] or "").strip(), optional


# ---- expressions ----

SEEDS = {  # texts of each type; the last ones are large or hostile
    "int": ["0", "1", "-1", "7", "255", "int.MaxValue", "int.MinValue", "s.Length", "n", "1000000"],
    "long": ["0L", "1L", "-5L", "long.MaxValue", "long.MinValue", "1700000000L"],
    "short": ["(short)3"], "ushort": ["(ushort)3"], "uint": ["3u", "uint.MaxValue"], "ulong": ["3ul", "ulong.MaxValue"],
    "byte": ["(byte)3", "(byte)255"], "sbyte": ["(sbyte)-3"],
    "char": ["'a'", "' '", "','", "'\\u00e9'", "'\\0'", "'\\ud83d'"],
    "bool": ["true", "false", "n > 3"],
    "double": ["0.0", "1.5", "-2.25", "double.NaN", "double.MaxValue", "double.NegativeInfinity", "1e-320", "12345.678"],
    "float": ["1.5f", "float.NaN"], "decimal": ["0m", "1.50m", "-3.7m", "decimal.MaxValue", "0.0000000000000000000000000001m"],
    "string": ['""', '"a"', '"Hello, World"', '"h\\u00e9llo \\ud83d\\ude00"', '"\\ud83d"', '"a,b;c  d"', '"12"', '"-1.5e3"', '"%41+b&c=d"', '"{0} {1:N2}"',
               '"{\\"a\\":[1,2,{\\"b\\":null}],\\"c\\":\\"x\\"}"', '"<a x=\\"1\\"><b>t</b><b/></a>"', '"2024-02-30T01:02:03Z"', '"2024-02-29T01:02:03.1234567+05:30"',
               '"(a+)+$"', '"(?<n>\\\\d+)-(?<m>[a-z]*)"', '"$..[?(@.a>1)]"', '"https://u:p@h.example:8443/p/a%20b?q=1&q=2#f"', '"yyyy-MM-dd HH:mm:ss.fffffffzzz"', '"#,##0.00;(0)"',
               '"eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsImF1ZCI6WyJhIl0sImV4cCI6MX0."', '"Basic dTpw"', '"dTpw"', '"null"', "s", "u", "null", "new string('x', 3000)", '"AES"', '"d8b2f4b0-0000-0000-0000-00000000000f"', '"UTC"', '"::1"'],
    "object": ["null", "1", '"x"', "1.5", "true", "new { a = 1, b = \"x\" }", "new[] {1,2}", "DateTime.UtcNow", "j", "(object)xs"],
    "DateTime": ["DateTime.UtcNow", "new DateTime(2024,2,29,1,2,3)", "DateTime.MinValue", "DateTime.MaxValue"],
    "DateTimeOffset": ["DateTimeOffset.UtcNow", "new DateTimeOffset(2024,2,29,1,2,3,TimeSpan.FromHours(5))", "DateTimeOffset.MaxValue"],
    "TimeSpan": ["TimeSpan.Zero", "TimeSpan.FromSeconds(1.5)", "TimeSpan.MaxValue", "TimeSpan.MinValue"],
    "Guid": ["Guid.Empty", "Guid.NewGuid()"],
    "Exception": ['new Exception("x")'], "CultureInfo": ["CultureInfo.InvariantCulture"], "IFormatProvider": ["CultureInfo.InvariantCulture", "null"],
    "Type": ["typeof(string)", "typeof(DayOfWeek)"],
    "Regex": ['new Regex("(a+)(b)?")', 'new Regex("^(\\\\w+)*$", RegexOptions.IgnoreCase)'], "Match": ['Regex.Match(s, "(.)(?<n>.)")'],
    "StringBuilder": ['new StringBuilder("abc\\u00e9")'], "Encoding": ["Encoding.UTF8", "Encoding.ASCII", "Encoding.Unicode"],
    "JToken": ['JToken.Parse("[1,{\\"a\\":null}]")', "j", "new JValue(1.5)", "null", 'j["a"]'], "JObject": ['new JObject(new JProperty("a", 1))', "j", "null"],
    "JArray": ["new JArray(1, \"x\", null)"], "JValue": ["new JValue(1)", 'new JValue("x")', "JValue.CreateNull()"], "JProperty": ['new JProperty("k", 1)'],
    "JContainer": ["new JArray(1)", "j"],
    "XElement": ['new XElement("a", new XAttribute("x", 1), new XElement("b", "t"))', "x", "null"], "XDocument": ['XDocument.Parse("<a><b/></a>")'],
    "XAttribute": ['new XAttribute("x", "1")'], "XName": ['XName.Get("a")', '(XNamespace)"urn:x" + "b"'], "XNamespace": ['(XNamespace)"urn:x"'],
    "XNode": ["x", 'new XText("t")'], "XContainer": ["x"], "XObject": ["x", 'new XAttribute("x", "1")'],
    "Uri": ['new Uri("https://h.example/a?b=1")', 'new Uri("../c", UriKind.Relative)'], "Random": ["new Random(1)"],
    "List<int>": ["new List<int> {3,1,2}", "xs.ToList()"], "List<string>": ["new List<string> {\"b\",\"a\",null}"],
    "int[]": ["new[] {3,1,2}", "new int[0]", "xs"], "string[]": ["new[] {\"b\",\"a\"}", "new string[2]"], "byte[]": ["new byte[] {1,2,255}", "new byte[0]", "Encoding.UTF8.GetBytes(s)", "new byte[16]", "new byte[32]"],
    "char[]": ["new[] {'a',','}", "s.ToCharArray()"], "object[]": ["new object[] {1,\"x\",null}"],
    "IEnumerable<int>": ["Enumerable.Range(0,5)", "xs", "xs.Where(q => q > 1)", "new int[0]"], "IEnumerable<string>": ["new[] {\"b\",\"a\",\"B\"}", "s.Split(',')"],
    "IEnumerable<object>": ["new object[] {1,\"x\",null}"], "IEnumerable<char>": ["s"],
    "Dictionary<string,int>": ["new Dictionary<string,int> {{\"a\",1}}"], "Dictionary<string,string>": ["new Dictionary<string,string> {{\"a\",\"b\"}}"],
    "IReadOnlyDictionary<string,string[]>": ["context.Request.Headers", "context.Request.Url.Query"], "IReadOnlyDictionary<string,object>": ["context.Variables"],
    "IDictionary<string,IList<string>>": ["context.Request.Body.AsFormUrlEncodedContent(true)"],
    "IProxyRequestContext": ["context"], "IRequest": ["context.Request"], "IResponse": ["context.Response"], "IMessageBody": ["context.Request.Body", "context.Response.Body"],
    "IUrl": ["context.Request.Url", "context.Request.OriginalUrl", "context.Api.ServiceUrl"], "Jwt": ['"eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.".AsJwt()'],
    "StringComparer": ["StringComparer.OrdinalIgnoreCase"], "IComparer<string>": ["StringComparer.Ordinal"], "IEqualityComparer<string>": ["StringComparer.OrdinalIgnoreCase"],
    "void": [], "T[]": [],
}
LOCALS = ('var s = "Az,\\u00e9\\ud83d\\ude00 9"; string u = null; var n = 5; var xs = new[] {4,2,9}; var j = JObject.Parse("{\\"a\\":[1,2],\\"b\\":{\\"c\\":\\"d\\"}}"); '
          'var x = XElement.Parse("<r a=\\"1\\"><b>t</b></r>"); ')
BIG = ('var s = string.Concat(Enumerable.Repeat("abcdefgh,", 30000)); var u = string.Concat(Enumerable.Repeat("\\u00e9b\\ud83d\\ude00", 30000)); var n = 100000; var xs = Enumerable.Range(0,60000).ToArray(); '
       'var j = JObject.FromObject(new { a = xs, b = s }); var x = new XElement("r", xs.Take(5000).Select(i => new XElement("b", i))); var by = new byte[400000]; var ss = s.Split(\',\'); var sb = new StringBuilder(s); var l = xs.ToList(); ')
BIG_SEEDS = {"string": ["s", "u"], "int[]": ["xs"], "IEnumerable<int>": ["xs", "l"], "string[]": ["ss"], "IEnumerable<string>": ["ss"], "byte[]": ["by"], "JToken": ["j", 'j["a"]'], "JObject": ["j"],
             "XElement": ["x"], "XContainer": ["x"], "XNode": ["x"], "XObject": ["x"], "StringBuilder": ["sb"], "List<int>": ["l"], "IEnumerable<char>": ["s", "u"], "char[]": ["s.ToCharArray()"],
             "int": ["n", "n / 2", "1"], "object": ["s", "xs", "l", "j"], "JArray": ['(JArray)j["a"]'], "JContainer": ["j"]}
SIMPLE = ["int", "string", "bool", "double", "object", "long", "decimal", "char", "DateTime", "JToken", "byte[]", "IEnumerable<int>", "IEnumerable<string>"]
BINARY = {"int": "+ - * / % & | ^ << >>".split(), "long": "+ - * /".split(), "double": "+ - * / %".split(), "decimal": "+ - * / %".split(), "string": ["+", "??"], "bool": "&& || ^ & |".split()}


class Grammar:
    def __init__(self):
        self.types = tables()
        self.by_name = {t["name"]: t for t in self.types}
        self.members, self.enums = [], {}
        for t in self.types:
            if t["values"]:
                self.enums[t["name"]] = t["values"]
            for kind, name, signature in t["members"]:
                if not name.startswith("<"):
                    self.members.append(Member(t, kind, name, signature))
        self.by_result = {}
        for m in self.members:
            self.by_result.setdefault(m.result, []).append(m)


class Writer:
    def __init__(self, grammar, r, seeds=SEEDS):
        self.g, self.r, self.seeds, self.out = grammar, r, seeds, 0

    def of(self, t, depth):
        """An expression of type t."""
        t = t.strip()
        if depth <= 0 or self.r.random() < 0.2:
            return self.atom(t)
        if t in BINARY and self.r.random() < 0.25:
            return f"({self.of(t, depth - 1)} {self.r.choice(BINARY[t])} {self.of(t, depth - 1)})"
        if t == "bool" and self.r.random() < 0.4:
            k = self.r.choice(SIMPLE)
            return f"({self.of(k, depth - 1)} {self.r.choice(['==', '!=', '<', '>=', 'is string', 'is int'])} {self.of(k, depth - 1)})".replace("is string) ", "is string")
        if self.r.random() < 0.08:
            return f"({self.of('bool', depth - 1)} ? {self.of(t, depth - 1)} : {self.of(t, depth - 1)})"
        if t == "string" and self.r.random() < 0.1:
            return '$"{%s,%d:%s}"' % (self.of(self.r.choice(["int", "double", "DateTime"]), depth - 1).replace('"', "'")[:40], self.r.choice([0, 5, -5]), self.r.choice(["N2", "X", "o", "D4"]))
        choices = self.g.by_result.get(t)
        return self.call(self.r.choice(choices), {}, depth) if choices else self.atom(t)

    def atom(self, t):
        if t in self.seeds and self.seeds[t]:
            return self.r.choice(self.seeds[t])
        if t in SEEDS and SEEDS[t]:
            return self.r.choice(SEEDS[t])
        if t.endswith("?"):
            return self.r.choice(["null", self.atom(t[:-1])])
        if t in self.g.enums:
            return f"{t}.{self.r.choice(self.g.enums[t])}"
        m = re.match(r"^(Func|Action|Predicate|Comparison|Converter|MatchEvaluator)(?:<(.*)>)?$", t)
        if m:
            return self.function(m[1], split_types(m[2] or ""))
        m = re.match(r"^(.*)\[\]$", t)
        if m:
            return "new %s[] {%s}" % (m[1], self.atom(m[1]))
        m = re.match(r"^(IEnumerable|ICollection|IList|IReadOnlyList|IReadOnlyCollection|List|HashSet|Queue|Stack|ISet|SortedSet)<(.*)>$", t)
        if m:
            made = m[1] if m[1] in ("HashSet", "Queue", "Stack", "SortedSet") else "HashSet" if m[1] == "ISet" else "List"
            return "new %s<%s>(new %s[] {%s})" % (made, m[2], m[2], self.atom(m[2]))
        if "ictionary<" in t:
            k, v = split_types(t[t.index("<") + 1:-1])
            return "new Dictionary<%s,%s> {{%s, %s}}" % (k, v, self.atom(k), self.atom(v))
        makers = self.g.by_result.get(t, []) + [x for x in self.g.members if x.kind == "NEW" and x.owner["name"] == t]
        self.out += 1
        try:
            return self.call(self.r.choice(makers), {}, 0) if makers and self.out < 8 else "null"
        finally:
            self.out -= 1

    def function(self, kind, args):
        if kind == "MatchEvaluator":
            return "q => q.Value + q.Index"
        if kind in ("Predicate", "Comparison", "Converter"):
            args = args + (["bool"] if kind == "Predicate" else args + ["int"] if kind == "Comparison" else [])
        if kind == "Action":
            args = args + ["object"]
        names = [f"q{self.r.randrange(100)}{i}" for i in range(len(args) - 1)]
        bodies = [self.atom(args[-1])]
        for name, t in zip(names, args):
            if t == args[-1]:
                bodies.append(name)
            if args[-1] == "bool":
                bodies.append(f"{name}.Equals({self.atom(t)})")
            if args[-1] in ("string", "object", "int"):
                bodies.append({"string": f"({name} + \"\")", "object": f"(object){name}", "int": f"({name} + \"\").Length"}[args[-1]])
        return "(%s) => %s" % (", ".join(names), self.r.choice(bodies))

    def call(self, m, names, depth):
        """A use of member m; type parameters get simple types."""
        names = dict(names)
        for p in m.owner["params"] + m.generics:
            names.setdefault(p, self.r.choice(["int", "string", "object"]) if p != "K" else self.r.choice(["int", "string"]))
        owner = m.owner["name"] if m.owner["full"] not in ("<array>", "<sequence>") else m.owner["full"]
        on = {"<array>": names.get("T", "int") + "[]", "<sequence>": f"IEnumerable<{names.get('T', 'int')}>"}.get(owner, owner + (f"<{','.join(names[p] for p in m.owner['params'])}>" if m.owner["params"] else ""))
        args = []
        for t, modifier, optional in m.params:
            if optional and self.r.random() < 0.5:
                break
            t = substitute(t, names)
            if modifier == "out":
                args.append(f"out {t} o{self.r.randrange(1000)}")
            elif modifier == "params":
                args += [self.of(t[:-2], depth - 1) for _ in range(self.r.randrange(4))]
            else:
                args.append(self.of(t, depth - 1))
        generic = f"<{','.join(names[p] for p in m.generics)}>" if m.generics and self.r.random() < 0.5 else ""
        if m.kind == "EXT":
            receiver, args = args[0], args[1:]
        elif m.kind in ("METHOD", "GET", "ITEM", "SET", "SETITEM"):
            receiver = self.of(on, depth - 1)
        else:
            receiver = on
        if m.kind not in ("STATIC", "SGET", "NEW") and not re.match(r"^\w+$", receiver):
            receiver = f"({receiver})"
        dot = "?." if self.r.random() < 0.05 else "."
        text = ", ".join(args)
        if m.kind in ("METHOD", "EXT"):
            return f"{receiver}{dot}{m.name}{generic}({text})"
        if m.kind == "STATIC":
            return f"{receiver}.{m.name}{generic}({text})"
        if m.kind in ("GET", "SGET"):
            return f"{receiver}.{m.name}"
        if m.kind == "NEW":
            return f"new {on}({text})"
        if m.kind == "ITEM":
            return f"{receiver}[{text}]"
        if m.kind == "OP" and len(args) == 2:
            op = {"op_Addition": "+", "op_Subtraction": "-", "op_Equality": "==", "op_LessThan": "<"}.get(m.name, m.name if re.match(r"^\W+$", m.name) else "==")
            return f"({args[0]} {op} {args[1]})"
        if m.kind in ("EXPLICIT", "IMPLICIT"):
            return f"({substitute(m.result, names)})({text})"
        return receiver

    def statements(self, depth):
        """A block: locals, loops, exceptions, closures around expressions."""
        e = lambda t: self.of(t, depth)
        t = self.r.choice(SIMPLE)
        body = self.r.choice([
            lambda: f"for (int i = 0; i < {self.r.choice(['10', '1000', 'n'])}; i++) {{ var v = {e(t)}; if (i == 7) continue; }} return {e(t)};",
            lambda: f"foreach (var i in {e('IEnumerable<int>')}) {{ n += i; if (n > 1000000) break; }} return n;",
            lambda: f"try {{ return {e(t)}; }} catch (FormatException f) when (f.Message.Length > {e('int')}) {{ return f; }} catch (Exception f) {{ return f.Message + {e('string')}; }} finally {{ n++; }}",
            lambda: f"Func<int,int> f = null; f = i => i <= 0 ? {e('int')} : f(i - 1) + 1; return f({self.r.choice(['5', '100', '100000'])});",
            lambda: f"int g(int i) => i <= 0 ? {e('int')} : g(i - 1); return g({self.r.choice(['3', '50', '100000'])});",
            lambda: f"switch ({e(t)}) {{ case null: return 1; case string q when q.Length > 2: return q; case int k: return k + n; default: return {e(t)}; }}",
            lambda: f"while ({e('bool')}) {{ s += s; n--; if (n < 0) break; }} return s;",
            lambda: f"object o = 1; for (int i = 0; i < {self.r.choice(['50', '5000'])}; i++) o = {self.r.choice(['Tuple.Create(o)', 'new { a = o }', 'new object[] {o}', 'new List<object> {o}', '(o, 1)', 'new JArray(j)', 'new KeyValuePair<string,object>(s, o)'])}; return {self.r.choice(['o', 'o.ToString()', 'o.Equals(o)', 'o.GetHashCode()', 'JsonConvert.SerializeObject(o)', 'new HashSet<object> {o}.Count', 'object.Equals(o, o)', 'JToken.FromObject(o)'])};",
            lambda: f"var (a, b) = ({e(t)}, {e('int')}); {{ n = b; }} return (a, b).ToString() + n;",
            lambda: f"using (var h = SHA256.Create()) {{ return h.ComputeHash({e('byte[]')}); }}",
            lambda: f"var d = new Dictionary<string,object>(); d[{e('string')}] = {e('object')}; d[\"self\"] = d; return {self.r.choice(['d.Count', 'd', 'JsonConvert.SerializeObject(d)', 'd.ToString()'])};",
            lambda: f"int c = 0; do {{ c++; n = unchecked(n * 31 + {e('int')}); }} while (c < 20); return checked(n + {e('int')});",
        ])()
        return "@{ " + LOCALS + body + " }"

    def expression(self):
        k = self.r.random()
        if k < 0.35:
            text = self.statements(2)
        else:
            m = self.r.choice(self.g.members)
            text = "@{ " + LOCALS + "return " + self.call(m, {}, self.r.randrange(1, 4)) + "; }"
        if self.r.random() < 0.1:
            text = self.mutate(text)
        return text

    def mutate(self, text):
        """What no author writes: parts left out, doubled, exchanged."""
        for _ in range(self.r.randrange(1, 4)):
            parts = re.findall(r"\w+|\s+|.", text[2:-1])
            i, k = self.r.randrange(len(parts)), self.r.randrange(len(parts))
            n = self.r.randrange(1, 4)
            parts[i:i + n] = self.r.choice([[], parts[i:i + n] * 2, parts[k:k + n], [self.r.choice(list("(){}[]<>;,.?:\"'$@!+-=&|\\\0\x01é") + ["=>", "{{", "}}", "??=", "/*", "//", "out", "var", "checked", "1e999", "0x", "''"])]])
            text = text[:2] + "".join(parts) + text[-1:]
        return text


# ---- running ----

CONTEXT = {"api": {"id": "a", "serviceUrl": "https://b.example/x"}, "request": {"method": "POST", "url": "http://h.example/p?a=1&a=2&b=%20", "headers": {"A": ["1", "2"], "Content-Type": "text/plain"},
           "body": "a=1&b=2&a=3", "matchedParameters": {"id": "7"}}, "response": {"statusCode": 201, "headers": {}, "body": "{\"a\":1}"}, "variables": {"v": 1, "o": {"a": [1]}},
           "user": {"id": "u", "groups": [{"id": "g", "name": "G"}]}, "product": {"id": "p"}, "subscription": {"id": "s"}, "operation": {"id": "o"}}


class Program:
    """`holdfast eval --batch -`, one line at a time."""

    def __init__(self, path):
        self.path, self.errors = path, tempfile.TemporaryFile()
        self.start()

    def start(self):
        self.errors.seek(0)
        self.errors.truncate()
        self.p = subprocess.Popen([self.path, "eval", "--batch", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.rest = b""

    def ask(self, line, seconds):
        """The answer as an object; None when the program died, "late" when nothing came in time."""
        end = time.monotonic() + seconds
        try:
            self.p.stdin.write(line + b"\n")
            self.p.stdin.flush()
        except BrokenPipeError:
            return None
        while b"\n" not in self.rest:
            if not select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return "late"
            more = os.read(self.p.stdout.fileno(), 1 << 16)
            if not more:
                return None
            self.rest += more
        answer, self.rest = self.rest.split(b"\n", 1)
        return json.loads(answer.decode("utf-8"))

    def cpu_ms(self):
        """CPU time so far: what others on this machine do must not count."""
        try:
            with open(f"/proc/{self.p.pid}/schedstat") as f:
                return int(f.read().split()[0]) / 1e6
        except (OSError, IndexError):
            return time.monotonic() * 1000

    def end(self):
        """What it wrote as errors (leaks are found at its end); then it may be started again."""
        try:
            self.p.stdin.close()
        except BrokenPipeError:
            pass
        try:
            code = self.p.wait(60)
        except subprocess.TimeoutExpired:
            self.p.kill()
            code = self.p.wait()
        self.errors.seek(0)
        return code, self.errors.read().decode("utf-8", "replace")


PROGRAM_LINES = 2000  # then a new program: a leak is reported near its cause


def run(path, expressions, limit_ms):
    program, bad, slow, counts = Program(path), 0, [], {"value": 0, "error": 0, "CompileError": 0, "Holdfast.BudgetException": 0}

    def report(what, text):
        nonlocal bad
        bad += 1
        print(f"FAIL {what}:\n  {text}", flush=True)

    def stop(what=None, text=None):
        code, errors = program.end()
        if what or code != 0 or errors:
            report(what or f"exit {code}", (text or "at the end of the batch") + "\n" + errors[-4000:])

    for k, text in enumerate(expressions):
        line = json.dumps({"id": k, "expr": text, "context": CONTEXT}).encode()
        began = program.cpu_ms()
        try:
            answer = program.ask(line, max(2, 10 * limit_ms / 1000))
        except ValueError:
            answer = {}
        took = program.cpu_ms() - began
        if not isinstance(answer, dict):
            if answer == "late":
                program.p.kill()
            stop("no answer" if answer == "late" else "the program died", text)
            program.start()
            continue
        if answer.get("id") != k or ("error" in answer) == ("type" in answer):
            report("not an answer", text)
        counts[answer["error"] if answer.get("error") in counts else "error" if "error" in answer else "value"] += 1
        if took > limit_ms:
            slow.append((took, text))
        if (k + 1) % PROGRAM_LINES == 0:
            stop()
            program.start()
    stop()
    for took, text in sorted(slow, reverse=True):
        report(f"{took:.0f} ms", text)
    print(f"{sum(counts.values())} expressions: {counts['value']} values, {counts['error']} exceptions, {counts['CompileError']} do not compile, "
          f"{counts['Holdfast.BudgetException']} over budget; {bad} failed")
    return bad == 0


def sweep(grammar):
    for i, m in enumerate(grammar.members):
        for variant in range(2):
            w = Writer(grammar, random.Random(i * 2 + variant), {**SEEDS, **BIG_SEEDS})
            call = w.call(m, {"T": "int"}, 0)
            if m.kind not in ("SET", "SETITEM") and call.strip():
                yield "@{ " + BIG + "object r = null; for (;;) { try { r = (object)(" + call + "); } catch (Exception) { } } }" if m.result != "void" else \
                      "@{ " + BIG + "for (;;) { try { " + call + "; } catch (Exception) { } } }"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("holdfast")
    a.add_argument("--count", type=int, default=2000)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--limit", type=int, default=500)
    a.add_argument("--sweep", action="store_true")
    a.add_argument("--print", action="store_true", dest="only_print")
    o = a.parse_args()
    grammar = Grammar()
    expressions = sweep(grammar) if o.sweep else (Writer(grammar, random.Random(o.seed + k)).expression() for k in range(o.count))
    if o.only_print:
        for text in expressions:
            print(text)
        return 0
    return 0 if run(o.holdfast, expressions, o.limit) else 1


if __name__ == "__main__":
    sys.exit(main())
