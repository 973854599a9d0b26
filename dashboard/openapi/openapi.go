// Package openapi writes the document of the API (OpenAPI 3.1) from the table of
// routes and the Go types that go in and come out. It knows no route by name.
package openapi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"sallyport.dev/sallyport/dashboard/route"
)

// object is a JSON object whose keys come out in order.
type object = map[string]any

// Document gives the document of a table, the same bytes for the same table.
func Document(t route.Table, version string) ([]byte, error) {
	s := &schemas{all: object{}}
	problem := s.of(typeOf[route.Problem]())
	paths := object{}
	for _, rt := range t {
		path := pathOf(rt.Pattern)
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(rt.Method)] = operation(s, rt, problem)
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Sallyport", "version": version,
			"description": "The API of a Sallyport gateway. Every refusal is a problem (RFC 9457). x-right is the right that a route takes, x-step-up that it wants a fresh proof of who asks.",
		},
		"paths": paths,
		"components": object{
			"schemas": s.all,
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": "__Host-sallyport"},
			},
		},
		"security": []any{object{"token": []string{}}, object{"session": []string{}}},
	}
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("document of the API: %w", err)
	}
	return append(b, '\n'), nil
}

// placeholder is a name in a pattern of http.ServeMux.
var placeholder = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

// pathOf writes a pattern as the document does.
func pathOf(pattern string) string {
	return placeholder.ReplaceAllString(strings.ReplaceAll(pattern, "{$}", ""), "{$1}")
}

// operation describes one row.
func operation(s *schemas, rt route.Route, problem object) object {
	op := object{
		"summary": rt.Doc, "operationId": name(rt), "x-right": rt.Right.String(),
		"responses": object{
			"200":     object{"description": "Done.", "content": content(rt.Do.Media, answer(s, rt))},
			"default": object{"description": "Refused.", "content": content("application/problem+json", problem)},
		},
	}
	if rt.StepUp {
		op["x-step-up"] = true
	}
	if rt.Right == route.None {
		op["security"] = []any{}
	}
	if rt.Do.In != nil {
		op["requestBody"] = object{"required": !rt.Do.Optional, "content": content("application/json", s.of(rt.Do.In))}
	}
	var params []any
	for _, m := range placeholder.FindAllStringSubmatch(rt.Pattern, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	if rt.Do.Paged {
		params = append(params,
			object{"name": "limit", "in": "query", "schema": object{"type": "integer", "minimum": 1, "maximum": route.MaxLimit}},
			object{"name": "cursor", "in": "query", "description": "Next-Cursor of the page before.", "schema": object{"type": "string"}})
	}
	for _, q := range rt.Query {
		word, doc, _ := strings.Cut(q, " ")
		params = append(params, object{"name": word, "in": "query", "description": doc, "schema": object{"type": "string"}})
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	return op
}

// answer describes what a row answers with.
func answer(s *schemas, rt route.Route) object {
	if rt.Do.Out == nil {
		return object{"type": "string"}
	}
	return s.of(rt.Do.Out)
}

func content(media string, schema object) object {
	return object{media: object{"schema": schema}}
}

// name makes an id of a row: postAgentsNameFreeze.
func name(rt route.Route) string {
	id := strings.ToLower(rt.Method)
	for _, word := range regexp.MustCompile(`[a-zA-Z0-9]+`).FindAllString(strings.TrimPrefix(rt.Pattern, "/api/v1"), -1) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}
