package abuse_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// From nothing that is kept, logged or sent on can an identifier or a key be
// reached, in whatever field somebody may add one day.
func TestNoIdentifierIsReachable(t *testing.T) {
	forbidden := []reflect.Type{reflect.TypeFor[hashing.Identifier](), reflect.TypeFor[hashing.Key]()}
	var walk func(path string, at reflect.Type, seen map[reflect.Type]bool) string
	walk = func(path string, at reflect.Type, seen map[reflect.Type]bool) string {
		for _, f := range forbidden {
			if at == f {
				return path
			}
		}
		if seen[at] {
			return ""
		}
		seen[at] = true
		switch at.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
			return walk(path+"[]", at.Elem(), seen)
		case reflect.Map:
			return walk(path+"{key}", at.Key(), seen) + walk(path+"{}", at.Elem(), seen)
		case reflect.Struct:
			for i := range at.NumField() {
				if found := walk(path+"."+at.Field(i).Name, at.Field(i).Type, seen); found != "" {
					return found
				}
			}
		}
		return ""
	}
	for _, v := range []any{abuse.Signal{}, abuse.Evidence{}, abuse.Decision{}, abuse.Policy{}, linkage.Match{}, linkage.Summary{}, linkage.Agreement{}, linkage.Error{}} {
		at := reflect.TypeOf(v)
		require.Empty(t, walk(at.String(), at, map[reflect.Type]bool{}))
	}
	// The walk finds what there is to find.
	at := reflect.TypeFor[linkage.Account]()
	require.Equal(t, "linkage.Account.Identifiers[]", walk(at.String(), at, map[reflect.Type]bool{}))
}
