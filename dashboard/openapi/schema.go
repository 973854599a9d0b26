package openapi

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
)

// schemas collects the named types that the API speaks of.
type schemas struct{ all object }

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// A describer says itself what its JSON looks like.
type describer interface{ JSONSchema() map[string]any }

// of gives the schema of a type, a reference if it is a struct with a name.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t.Implements(typeOf[describer]()) && t.Kind() != reflect.Pointer:
		return reflect.Zero(t).Interface().(describer).JSONSchema()
	case t == typeOf[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == typeOf[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case t == typeOf[json.RawMessage]():
		return object{}
	case t.Kind() != reflect.Pointer && implements[json.Marshaler](t):
		return object{}
	case t.Kind() != reflect.Pointer && implements[encoding.TextMarshaler](t):
		return object{"type": "string"}
	}
	return s.byKind(t)
}

// implements reports whether a value of t, or one that can be pointed at, is a T.
func implements[T any](t reflect.Type) bool {
	return t.Implements(typeOf[T]()) || reflect.PointerTo(t).Implements(typeOf[T]())
}

func (s *schemas) byKind(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.structure(t)
	}
	return object{} // any
}

// structure describes a struct where the document keeps its types.
func (s *schemas) structure(t reflect.Type) object {
	if t.Name() == "" {
		return s.fields(t)
	}
	id := path.Base(t.PkgPath()) + "." + strings.NewReplacer("[", "-", "]", "", "/", "-").Replace(t.Name())
	if _, known := s.all[id]; !known {
		s.all[id] = object{} // a type may hold itself
		s.all[id] = s.fields(t)
	}
	return object{"$ref": "#/components/schemas/" + id}
}

// fields describes a struct as encoding/json writes it.
func (s *schemas) fields(t reflect.Type) object {
	props, required := object{}, []string{}
	s.collect(t, props, &required)
	slices.Sort(required)
	out := object{"type": "object", "properties": props}
	if required = slices.Compact(required); len(required) > 0 {
		out["required"] = required
	}
	return out
}

// collect adds the fields of t; those of an embedded struct are its own.
func (s *schemas) collect(t reflect.Type, props object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			s.collect(f.Type, props, required)
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		props[tag] = s.of(f.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") && f.Type.Kind() != reflect.Pointer {
			*required = append(*required, tag)
		}
	}
}
