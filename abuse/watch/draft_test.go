package watch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// What is written to a draft is read from it as from a Writer, is not there before it is applied, and
// is afterwards.
func TestDraft(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	key := func() []byte { return fmt.Appendf(nil, "%02d", rnd.IntN(30)) }
	tables := []abuse.Table{abuse.InForce, abuse.Cases}
	for range 200 {
		plain, behind := abuse.NewMemory(), abuse.NewMemory()
		fill := func(w abuse.Writer, rnd *rand.Rand) {
			for range rnd.IntN(30) {
				require.NoError(t, w.Put(tables[rnd.IntN(2)], fmt.Appendf(nil, "%02d", rnd.IntN(30)), []byte{byte(rnd.IntN(9))}))
			}
		}
		s := rnd.Uint64()
		for _, store := range []abuse.Store{plain, behind} {
			require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
				fill(w, rand.New(rand.NewPCG(s, 2)))
				return nil
			}))
		}
		before := rowsOf(t, behind)
		keep := rnd.IntN(2) == 0
		require.NoError(t, plain.Update(t.Context(), func(w abuse.Writer) error {
			return behind.Update(t.Context(), func(real abuse.Writer) error {
				d := newDraft(real)
				for range rnd.IntN(60) {
					table, k := tables[rnd.IntN(2)], key()
					switch rnd.IntN(4) {
					case 0:
						v := []byte{byte(rnd.IntN(9))}
						require.NoError(t, w.Put(table, k, v))
						require.NoError(t, d.Put(table, k, v))
						v[0] = 99 // what is given is copied
						require.Equal(t, mustGet(t, w, table, k), mustGet(t, d, table, k))
					case 1:
						require.NoError(t, w.Delete(table, k))
						require.NoError(t, d.Delete(table, k))
					case 2:
						want, err := w.Get(table, k, []byte("00"), k)
						require.NoError(t, err)
						got, err := d.Get(table, k, []byte("00"), k)
						require.NoError(t, err)
						require.Equal(t, want, got)
					default:
						from, to := [][]byte{nil, k}[rnd.IntN(2)], [][]byte{nil, key()}[rnd.IntN(2)]
						limit := rnd.IntN(8) - 1
						want, err := w.Scan(table, from, to, limit)
						require.NoError(t, err)
						got, err := d.Scan(table, from, to, limit)
						require.NoError(t, err)
						require.Len(t, got, len(want))
						for i := range want {
							require.Equal(t, want[i], got[i])
						}
					}
				}
				require.Error(t, d.Put(abuse.InForce, nil, []byte{1}))
				require.Error(t, d.Put(abuse.InForce, []byte("k"), nil))
				require.Error(t, d.Delete(abuse.InForce, nil))
				if keep {
					return d.apply()
				}
				return nil
			})
		}))
		if !keep {
			require.Equal(t, before, rowsOf(t, behind))
			continue
		}
		require.Equal(t, rowsOf(t, plain), rowsOf(t, behind))
	}
}

func mustGet(t testing.TB, r abuse.Reader, table abuse.Table, key []byte) []byte {
	values, err := r.Get(table, key)
	require.NoError(t, err)
	return values[0]
}
