#!/bin/bash
# mock-response out of a specification: status, content type, index, samples of schemas.
. "$(dirname "$0")/../tools/policy-lib.sh"

make_api
cat > "$api/specification.yaml" <<'YAML'
openapi: 3.0.1
info: { title: P, version: "1" }
paths:
  /mock:
    get:
      operationId: mock
      responses:
        '200':
          content:
            application/json:
              examples: { one: { value: { a: 1 } }, two: { value: { a: 2 } } }
            text/xml: { example: "<a/>" }
        '201':
          content: { application/json: { schema: { type: object, properties: { id: { type: integer }, name: { type: string, example: Bob } } } } }
        '202': { description: none }
YAML
mkdir -p "$api/operations/mock"
{
    echo '<policies><inbound><base /><choose>'
    n=0
    for attributes in '' 'status-code="200" content-type="text/xml"' 'status-code="201"' 'status-code="202" content-type="text/plain"' \
        'status-code="404"' 'status-code="200" index="1"' 'status-code="200" index="9" content-type="TEXT/XML"' \
        'status-code="200" content-type="image/png"'; do
        echo "<when condition='@(context.Request.Url.Query.GetValueOrDefault(\"n\") == \"$n\")'><mock-response $attributes /></when>"
        n=$((n + 1))
    done
    echo '</choose></inbound><outbound><set-header name="X-Out"><value>1</value></set-header></outbound></policies>'
} > "$api/operations/mock/policy.xml"
serve_policies

# mock N STATUS TYPE BODY
mock() {
    status "$2" "$url/p/mock?n=$1"
    if [ -n "$3" ]; then head_has "Content-Type: $3"; else head_lacks 'Content-Type:'; fi
    body_is "$4"
    head_has "Content-Length: ${#4}"
    head_lacks 'X-Out:'
}
mock 0 200 application/json '{"a":1}'
mock 1 200 text/xml '<a/>'
mock 2 201 application/json '{"id":0,"name":"Bob"}'
mock 3 202 text/plain ''
mock 4 404 '' ''
mock 5 200 application/json '{"a":2}'
mock 6 200 text/xml '<a/>'
mock 7 200 application/json '{"a":1}'
[ "$(backend_calls)" = 0 ] || die 'the backend was called'
stop_gateway
