package hashing

import (
	"bytes"
	"database/sql/driver"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The matrix: every way of printing, times everything that can hold the value. What
// comes out is searched for pieces of the secret in every notation.
//
// Much of what comes out is noise by design, and in enough noise every piece of four
// characters turns up by chance: in the worst cells, long numbers in decimal beside
// a secret of digits, once in three times or so. So each cell of the matrix is filled
// up to 24 times, with 24 secrets: it leaks if each time a piece of the secret of that
// time is there. Chance does that with a probability below 10^-9 a cell.
const redactSamples = 24

// sample is a value and what must not be seen of it.
type sample struct {
	value  any
	pieces []string
}

// piecesOf gives all pieces of at least four characters of a secret: of its text, and
// of its bytes as fmt, JSON, dumps and stack traces write them.
func piecesOf(text string, raw []byte) []string {
	var all []string
	windows := func(s string, n int) {
		for i := 0; i+n <= len(s); i++ {
			all = append(all, s[i:i+n])
		}
	}
	windows(text, 4)
	windows(strings.ToUpper(text), 4)
	windows(hex.EncodeToString(raw), 4)
	windows(strings.ToUpper(hex.EncodeToString(raw)), 4)
	windows(string(raw), 4)
	for shift := range 3 { // what stands before it shifts base64
		windows(base64.StdEncoding.EncodeToString(raw[shift:]), 4)
		windows(base64.URLEncoding.EncodeToString(raw[shift:]), 4)
	}
	for _, verb := range []string{"%d", "%02x", "%02X", "%#x", "%#02x", "%o", "%b", "%08b", "%c", "%q", "%U"} {
		for _, between := range []string{" ", ",", ", "} {
			for i := 0; i+3 <= len(raw); i++ {
				var parts []string
				for _, b := range raw[i : i+3] {
					parts = append(parts, fmt.Sprintf(verb, b))
				}
				all = append(all, strings.Join(parts, between))
			}
		}
	}
	for i := 0; i+8 <= len(raw); i += 8 { // words, as a stack trace has them
		windows(fmt.Sprintf("%x", binary.LittleEndian.Uint64(raw[i:])), 6)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return len(s) < 4 })
}

func leaks(out string, pieces []string) bool {
	return slices.ContainsFunc(pieces, func(p string) bool { return strings.Contains(out, p) })
}

// identifierSamples makes identifiers of a kind without asking a parser. They have
// nothing in common, such as a country's code: an address in memory, which is printed
// too and is the same each time, could have it in it.
func identifierSamples(r *rand.Rand, kind Kind) []sample {
	var out []sample
	for range redactSamples {
		var f form
		var text string
		used := blockSize
		switch kind {
		case Phone:
			text, used = fmt.Sprintf("%012d", r.Uint64N(1e12)), 12
			copy(f[:], text)
		case IMEI, MEID:
			text, used = fmt.Sprintf("%014d", r.Uint64N(1e14)), 14
			copy(f[:], text)
		default:
			if kind == AndroidID {
				used = 8
			}
			for i := range used {
				f[i] = byte(r.Uint32())
			}
			text = hex.EncodeToString(f[:used])
		}
		out = append(out, sample{seal(kind, &f), piecesOf(text, f[:used])})
	}
	return out
}

func keySamples() []sample {
	var out []sample
	for range redactSamples {
		k := NewKey()
		raw := append(k.secret(), k.token.open()...)
		out = append(out, sample{k, piecesOf(strings.TrimPrefix(k.ExposeText(), keyPrefix), raw)})
	}
	return out
}

// carrier holds a value in one of the ways that programs do.
type carrier struct {
	name string
	hold func(v any) any
}

type exported[T any] struct{ Value T }
type unexported[T any] struct{ value T }
type nested[T any] struct {
	name  string
	inner *unexported[T]
	list  []exported[T]
	by    map[string]T
	any   any
}

func carriers[T any]() []carrier {
	return []carrier{
		{"value", func(v any) any { return v }},
		{"pointer", func(v any) any { t := v.(T); return &t }},
		{"slice", func(v any) any { return []T{v.(T)} }},
		{"array", func(v any) any { return [1]T{v.(T)} }},
		{"pointer to array", func(v any) any { return &[1]T{v.(T)} }},
		{"slice of any", func(v any) any { return []any{v} }},
		{"map value", func(v any) any { return map[string]T{"a": v.(T)} }},
		{"exported field", func(v any) any { return exported[T]{v.(T)} }},
		{"unexported field", func(v any) any { return unexported[T]{v.(T)} }},
		{"pointer to unexported field", func(v any) any { return &unexported[T]{v.(T)} }},
		{"nested", func(v any) any {
			t := v.(T)
			return nested[T]{"n", &unexported[T]{t}, []exported[T]{{t}}, map[string]T{"a": t}, &t}
		}},
		{"error", func(v any) any { return fmt.Errorf("account of %v: %w", v, errors.New("no")) }},
	}
}

func keyCarriers[T comparable]() []carrier {
	return append(carriers[T](),
		carrier{"map key", func(v any) any { return map[T]int{v.(T): 1} }},
		carrier{"unexported map key", func(v any) any { return struct{ by map[T]bool }{map[T]bool{v.(T): true}} }})
}

// route is a way out. It gives all that was written, the error's text too.
type route struct {
	name  string
	print func(v any) string
}

func routes() []route {
	var all []route
	for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "# ", "40", ".40", "#.3"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspZ" {
			format := "%" + flags + string(verb)
			all = append(all, route{"fmt " + format, func(v any) string { return fmt.Sprintf(format, v) }})
		}
	}
	with := func(out []byte, err error) string { return fmt.Sprintf("%s\n%v\n%#v", out, err, err) }
	all = append(all,
		route{"fmt.Sprint", func(v any) string { return fmt.Sprint(v) + fmt.Sprintln(v) }},
		route{"fmt.Errorf", func(v any) string { return fmt.Errorf("%w", fmt.Errorf("bad: %v %+v", v, v)).Error() }},
		route{"encoding/json", func(v any) string { return with(json.Marshal(v)) }},
		route{"encoding/xml", func(v any) string { return with(xml.Marshal(v)) }},
		route{"encoding/gob", func(v any) string {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return with(b.Bytes(), err)
		}},
		route{"database/sql/driver", func(v any) string {
			value, err := driver.DefaultParameterConverter.ConvertValue(v)
			return fmt.Sprintf("%v %v", value, err)
		}},
		route{"log/slog text", func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			return b.String()
		}},
		route{"log/slog JSON", func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).With("w", v).Info("m", "v", v, slog.Any("a", []any{v}))
			return b.String()
		}},
		route{"spew", func(v any) string { return spew.Sdump(v) + spew.Sprintf("%v %+v %#v %#+v", v, v, v, v) }},
		route{"spew without methods", func(v any) string {
			c := spew.ConfigState{DisableMethods: true, DisablePointerMethods: true, Indent: " "}
			return c.Sdump(v) + c.Sprintf("%v %+v %#v", v, v, v)
		}},
		route{"testify", func(v any) string {
			var r recorder
			assert.Equal(&r, v, "something else")
			assert.Nil(&r, v)
			assert.Contains(&r, []any{v}, 7)
			return r.String()
		}},
		route{"panic value", func(v any) (out string) {
			defer func() { p := recover(); out = fmt.Sprintf("%v %+v %#v", p, p, p) }()
			panic(v)
		}},
	)
	return all
}

// recorder is a test that only listens.
type recorder struct{ strings.Builder }

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

// leakyCells fills the matrix and names the cells that leak.
func leakyCells(samples []sample, carriers []carrier) (leaky []string, cells int) {
	for _, c := range carriers {
		for _, way := range routes() {
			cells++
			leaked := 0
			for _, s := range samples {
				if !leaks(way.print(c.hold(s.value)), s.pieces) {
					break
				}
				leaked++
			}
			if leaked == len(samples) {
				leaky = append(leaky, c.name+" by "+way.name)
			}
		}
	}
	return leaky, cells
}

func TestRedaction(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for kind := Phone; kind < kindEnd; kind++ {
		samples := identifierSamples(r, kind)
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			leaky, cells := leakyCells(samples, keyCarriers[Identifier]())
			assert.Empty(t, leaky)
			assert.Greater(t, cells, 3000)
		})
	}
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		leaky, cells := leakyCells(keySamples(), carriers[Key]())
		assert.Empty(t, leaky)
		assert.Greater(t, cells, 2500)
	})
}

// guarded is what others do: the secret in clear, and methods that hide it. fmt
// cannot call them on somebody's unexported field.
type guarded struct{ text string }

func (g guarded) String() string               { return "guarded" }
func (g guarded) Format(s fmt.State, _ rune)   { _, _ = s.Write([]byte("guarded")) }
func (g guarded) LogValue() slog.Value         { return slog.StringValue("guarded") }
func (g guarded) MarshalText() ([]byte, error) { return nil, ErrNotEncodable }

// TestRedactionMatrixSees: the matrix finds the leaks of types that have them, or
// its silence about ours would mean nothing.
func TestRedactionMatrixSees(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 0))
	var plain, bare, methods []sample
	for range redactSamples {
		text := fmt.Sprintf("336%09d", r.Uint64N(1e9))
		var f form
		copy(f[:], text)
		pieces := piecesOf(text, []byte(text))
		plain = append(plain, sample{text, pieces})
		bare = append(bare, sample{f, pieces})
		methods = append(methods, sample{guarded{text}, pieces})
	}
	leaky, _ := leakyCells(plain, keyCarriers[string]())
	for _, cell := range []string{
		"value by fmt %v", "value by fmt %x", "value by fmt %q", "map key by fmt %v", "unexported map key by spew",
		"pointer by spew", "exported field by encoding/json", "exported field by encoding/xml", "slice by encoding/gob",
		"value by log/slog text", "unexported field by log/slog text", "value by log/slog JSON", "slice by testify",
		"value by panic value", "error by fmt %v", "nested by fmt %+v", "value by database/sql/driver",
	} {
		assert.Contains(t, leaky, cell)
	}
	leaky, _ = leakyCells(bare, keyCarriers[form]())
	for _, cell := range []string{
		"value by fmt %v", "value by fmt %x", "value by fmt %#v", "value by fmt % x", "value by fmt %d", "value by fmt %b", "value by fmt %o",
		"unexported field by fmt %+v", "value by encoding/json", "value by spew", "value by testify", "value by log/slog text",
	} {
		assert.Contains(t, leaky, cell)
	}
	leaky, _ = leakyCells(methods, keyCarriers[guarded]())
	assert.Greater(t, len(leaky), 20)
	assert.Contains(t, leaky, "unexported field by fmt %v")
	assert.Contains(t, leaky, "nested by log/slog text")
	assert.Contains(t, leaky, "value by spew without methods")
	assert.NotContains(t, leaky, "value by fmt %v")
}

// crashKey and crashText are known to both processes of the crash test.
const (
	crashEnv  = "HUEANDCRY_TEST_CRASH"
	crashText = "c94e07b2d16f3a85"
)

var crashes = map[string]func(id Identifier, k Key){
	"identifier":      func(id Identifier, _ Key) { panic(id) },
	"pointer":         func(id Identifier, _ Key) { panic(&id) },
	"holder":          func(id Identifier, k Key) { panic(nested[Identifier]{any: k, list: []exported[Identifier]{{id}}}) },
	"key":             func(_ Identifier, k Key) { panic(k) },
	"error":           func(id Identifier, k Key) { panic(fmt.Errorf("%v %v", id, k)) },
	"on the stack":    func(id Identifier, k Key) { crashDeep(id, k, map[Identifier]Key{id: k}, 3) },
	"in our own code": func(id Identifier, _ Key) { Key{}.Token(id) },
	"nothing there":   func(Identifier, Key) { _ = Identifier{}.Digest([32]byte{1}) },
	"CONTROL":         func(Identifier, Key) { panic("leak: " + crashText) },
}

//go:noinline
func crashDeep(id Identifier, k Key, m map[Identifier]Key, depth int) {
	if depth > 0 {
		crashDeep(id, k, m, depth-1)
	}
	var nowhere *Identifier
	*nowhere = id
}

// TestCrash looks at what a process writes that dies with identifiers and keys in
// its hands: the panic and the traces of all goroutines, arguments included.
func TestCrash(t *testing.T) {
	secret := []byte("hue and cry: a key for a process that crashes")
	k, err := KeyFromSecret(secret)
	require.NoError(t, err)
	if name := os.Getenv(crashEnv); name != "" {
		id, err := ParseDevice(AndroidID, crashText)
		require.NoError(t, err)
		crashes[name](id, k)
		return
	}
	raw, err := hex.DecodeString(crashText)
	require.NoError(t, err)
	// One crash, one sample, full of addresses in hex: only long pieces say anything.
	pieces := slices.Concat(piecesOf(crashText, raw),
		piecesOf(strings.TrimPrefix(k.ExposeText(), keyPrefix), k.secret()), piecesOf("", k.token.open()))
	pieces = slices.DeleteFunc(pieces, func(p string) bool { return len(p) < 8 })
	windows := func(s string) {
		for i := 0; i+8 <= len(s); i++ {
			pieces = append(pieces, s[i:i+8])
		}
	}
	windows(crashText)
	for _, held := range [][]byte{raw, k.secret(), k.token.open()} {
		windows(hex.EncodeToString(held))
		for i := 0; i+8 <= len(held); i += 8 { // words, as a stack trace has them
			windows(fmt.Sprintf("%016x", binary.LittleEndian.Uint64(held[i:])))
			windows(fmt.Sprintf("%016x", binary.BigEndian.Uint64(held[i:])))
		}
	}
	for name := range crashes {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestCrash$", "-test.count=1")
			child.Env = append(os.Environ(), crashEnv+"="+name, "GOTRACEBACK=all")
			out, err := child.CombinedOutput()
			require.Error(t, err, "it was to crash")
			require.Contains(t, string(out), "goroutine ")
			require.Contains(t, string(out), "panic")
			assert.Equal(t, name == "CONTROL", leaks(string(out), pieces), "%s", out)
		})
	}
}

// TestErrorsDoNotEcho: the parsers say why and not what.
func TestErrorsDoNotEcho(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 0))
	for range 500 {
		text := hex.EncodeToString(binary.BigEndian.AppendUint64(nil, r.Uint64()))
		for _, bad := range []string{text + "g", "urn:uuid:" + text, "{" + text + text + "}", "hct1." + text, keyPrefix + text} {
			var errs []error
			for kind := range kindEnd + 1 {
				_, err := ParseDevice(kind, bad)
				errs = append(errs, err)
			}
			_, err := ParseToken(bad)
			errs = append(errs, err, new(Token).Scan(bad))
			_, err = ParseKey(bad)
			_, kindErr := ParseKind(bad)
			for _, err := range append(errs, err, kindErr) {
				require.Error(t, err)
				out := fmt.Sprintf("%v %+v", err, err)
				for i := 0; i+4 <= len(text); i++ {
					require.NotContains(t, out, text[i:i+4])
				}
			}
		}
	}
}
