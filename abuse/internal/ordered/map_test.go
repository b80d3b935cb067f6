package ordered_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/internal/ordered"
)

// The plain model: a Go map that is sorted whenever it is asked.
func check(t *testing.T, m *ordered.Map, model map[string]string, from, to []byte) {
	t.Helper()
	require.Equal(t, len(model), m.Len())
	var want []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if k >= string(from) && (to == nil || k < string(to)) {
			want = append(want, k, model[k])
		}
	}
	var got []string
	for k, v := range m.Range(from, to) {
		got = append(got, string(k), string(v))
	}
	require.Equal(t, want, got)
}

func TestMapAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, span := range []uint32{10, 1_000, 100_000} {
		var m ordered.Map
		model := map[string]string{}
		key := func() []byte { return binary.BigEndian.AppendUint32(nil, r.Uint32N(span))[r.IntN(3):] }
		type held struct {
			m     ordered.Map
			model map[string]string
		}
		var snapshots []held
		for i := range 20_000 {
			k := key()
			shrinking := i%5_000 > 3_000 // else it never gets small again
			if r.IntN(3) == 0 != shrinking {
				m.Delete(k)
				delete(model, string(k))
			} else {
				v := binary.BigEndian.AppendUint64(nil, r.Uint64())
				m.Put(k, v)
				model[string(k)] = string(v)
			}
			k = key()
			v, found := m.Get(k)
			w, there := model[string(k)]
			require.Equal(t, there, found)
			require.Equal(t, w, string(v))
			if i%1_000 == 0 {
				from, to := key(), key()
				if r.IntN(3) == 0 {
					to = nil
				}
				check(t, &m, model, from, to)
				snapshots = append(snapshots, held{m.Snapshot(), maps.Clone(model)})
			}
		}
		for i := range snapshots { // what was held on to has not moved
			check(t, &snapshots[i].m, snapshots[i].model, nil, nil)
			snapshots[i].m.Put([]byte("x"), []byte("y"))
		}
		check(t, &m, model, nil, nil)
		for k := range model {
			m.Delete([]byte(k))
		}
		check(t, &m, nil, nil, nil)
	}
}

func TestMapInOrder(t *testing.T) {
	var m ordered.Map
	for i := range uint32(10_000) {
		m.Put(binary.BigEndian.AppendUint32(nil, i), nil)
	}
	var last []byte
	n := 0
	for k := range m.Range(nil, nil) {
		require.Negative(t, bytes.Compare(last, k))
		last, n = k, n+1
	}
	require.Equal(t, 10_000, n)
}
