package abuse_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// plainJSON is what encoding/json makes of the fields; only Until has a rule of its own.
func plainJSON(d abuse.Decision) ([]byte, error) {
	type fields abuse.Decision
	none := d.Until.IsZero()
	if none {
		d.Until = time.Unix(1, 0).UTC()
	}
	data, err := json.Marshal(fields(d))
	if none {
		data = bytes.Replace(data, []byte(`"until":"1970-01-01T00:00:01Z"`), []byte(`"until":null`), 1)
	}
	return data, err
}

// fill gives every field that JSON has a value, seldom one that is none of its own.
func fill(r *rand.Rand, v reflect.Value, odd bool) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		if r.IntN(3) > 0 {
			*x = time.Unix(r.Int64N(4e9), r.Int64N(2)*r.Int64N(1e9)).In(pick(r, time.UTC, time.FixedZone("", 3600*r.IntN(12))))
		}
		if odd && r.IntN(20) == 0 {
			*x = x.AddDate(10_000, 0, 0)
		}
		return
	case *hashing.Kind:
		*x = hashing.Kind(1 + r.IntN(5))
		if odd && r.IntN(20) == 0 {
			*x = 99
		}
		return
	case *abuse.Truth:
		*x = abuse.Truth(r.IntN(3))
		if odd && r.IntN(20) == 0 {
			*x = 3
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(r, v.Field(i), odd)
			}
		}
	case reflect.Slice:
		if n := r.IntN(5) - 1; n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(r, v.Index(i), odd)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), odd)
		}
		if r.IntN(2) == 0 {
			v.SetZero()
		}
	case reflect.String:
		v.SetString(strings.Repeat(pick(r, "", "a", "ünï", "<&>", "\"\\\n\x00", "\xff", "\u2028 ", "~{}[],:"), r.IntN(3)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(pick(r, 0, -1, 1, 92, r.Int64()))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(pick(r, 0, 1, uint64(r.Uint32())))
	case reflect.Uint8: // an enumeration, or a byte
		v.SetUint(1 + r.Uint64N(2))
		if odd && r.IntN(20) == 0 {
			v.SetUint(200)
		}
	default:
		panic(v.Kind())
	}
}

// What a decision is written as is what encoding/json would write, field by field, also those that
// a later hand adds.
func TestJSONIsPlain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	failed := 0
	for n := range 2000 {
		var d abuse.Decision
		fill(r, reflect.ValueOf(&d).Elem(), n%3 == 0)
		want, wrong := plainJSON(d)
		got, err := d.MarshalJSON()
		if wrong != nil {
			failed++
			require.Error(t, err, n)
			var known *abuse.Error
			require.ErrorAs(t, err, &known, n)
			continue
		}
		require.NoError(t, err, n)
		require.Equal(t, string(want), string(got), n)
	}
	require.Positive(t, failed)
	_, err := abuse.Decision{}.MarshalJSON()
	require.Error(t, err)
}

func TestJSONOfDecisionsIsPlain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	p := policy(t)
	for n := range 2000 {
		d := abuse.Decide(randomEvidence(r, r.IntN(4)), p, now)
		want, err := plainJSON(d)
		require.NoError(t, err)
		got, err := json.Marshal(d)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), n)
	}
}

// The text says too what a bound or a person has made of a decision.
func TestTextOfBounds(t *testing.T) {
	d := abuse.Decision{Action: abuse.Label, Undoes: id(7), Reviewer: "r. mueller", Bounds: []abuse.Bound{
		{Name: "cap_rule_day", Limit: 100, Used: 99, Proposed: abuse.Suspend}, {Name: "ruling", Proposed: abuse.Limit}}}
	for _, says := range []string{"  undoes decision " + id(7).String() + "\n", "  with a person: \"r. mueller\"\n",
		"  bound cap_rule_day (99 of 100): the rules had come to suspend\n", "  bound ruling: the rules had come to limit\n"} {
		require.Contains(t, d.Text(), says)
	}
}

func BenchmarkJSON(b *testing.B) {
	d := abuse.Decide(randomEvidence(rand.New(rand.NewPCG(1, 1)), 1), policy(b), now)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}
