#!/usr/bin/env python3
"""Run the vectors of real C# runtimes through the engine and compare.

usage: oracle.py BINARY VECTORS.jsonl [-v] [area ...]     (BINARY: tests/expr/eval_main.c)
-v prints every difference. The last line is the pass rate.
"""
import collections, json, subprocess, sys

FAMILY = {'System.' + n: f for f, names in {
    'text': ['String', 'Char'], 'integer': ['SByte', 'Byte', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64'],
    'double': ['Double', 'Single'], 'decimal': ['Decimal'], 'boolean': ['Boolean']}.items() for n in names}


def run(binary, rows):
    """Results by id; a crash costs only the case that crashed."""
    got = {}
    while rows:
        data = b''.join(r['id'].encode() + b'\0' + r['expr'].encode('utf-8', 'surrogatepass') + b'\0' for r in rows)
        p = subprocess.run([binary], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        parts = p.stdout.split(b'\0')
        for i in range(0, len(parts) - 2, 3):
            got[parts[i].decode()] = tuple(x.decode('utf-8', 'surrogatepass') for x in (parts[i + 1][:1], parts[i + 1][1:], parts[i + 2]))
        left = [r for r in rows if r['id'] not in got]
        if p.returncode == 0 or not left:
            break
        got[left[0]['id']] = ('x', 'crash', p.stderr.decode(errors='replace')[-600:])
        rows = left[1:]
    return got


def wrong(row, got):
    kind, type_, text = got
    if 'error' in row:
        if kind != 'e' or type_ not in (row['error'], row.get('error_base')):
            return True
        return row['message_stable'] and text != row['message']
    want = row['type'] or ''
    if kind != 'v' or text != row['value']:
        return True
    return FAMILY.get(type_, type_) != FAMILY.get(want, want)


def main():
    args = [a for a in sys.argv[1:] if a != '-v']
    rows = [json.loads(l) for l in open(args[1])]
    if args[2:]:
        rows = [r for r in rows if r['area'] in args[2:]]
    got = run(args[0], rows)
    areas = collections.OrderedDict()
    for r in rows:
        a = areas.setdefault(r['area'], [0, 0])
        a[1] += 1
        g = got.get(r['id'], ('x', 'missing', ''))
        if not wrong(r, g):
            a[0] += 1
        elif '-v' in sys.argv:
            print(r['area'], r['expr'], '\n   want', r.get('type') or r.get('error'), '|', r.get('value', r.get('message')),
                  '\n   got ', ' '.join(g[:2]), '|', g[2])
    for name, (good, n) in areas.items():
        print('%-22s %4d / %4d%s' % (name, good, n, '' if good == n else '  %d differ' % (n - good)))
    good, n = (sum(a[i] for a in areas.values()) for i in (0, 1))
    print('%d of %d: %.2f %%' % (good, n, 100.0 * good / max(n, 1)))


main()
