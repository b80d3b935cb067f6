package linkage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// record is what a transmitter that holds the key can publish, honest or not.
type record struct {
	about    string // whose function value
	j        uint32
	id       byte
	sequence uint64
	op       Operation
	label    string
	spoilt   bool
}

// lookUpAll looks up records for a receiver with two identifiers, a phone and a
// device, of which account "both" holds both and "phone" the first.
func lookUpAll(t *testing.T, most int64, records ...record) ([]Match, Summary) {
	t.Helper()
	const class = 64
	var all [][]byte
	for _, c := range records {
		f := testPRF(c.about)
		name := f.tag(c.j)
		b := newLabels(&testScope, class).seal(bytes.Clone(name[:]), f, &content{uuid.UUID{c.id}, c.sequence, c.op, []byte(c.label)})
		if c.spoilt {
			b[len(b)-1] ^= 1
		}
		all = append(all, b)
	}
	slices.SortFunc(all, bytes.Compare)
	r := &receiver{
		session: &session{cfg: Config{Workers: 2, Agreement: &Agreement{LabelBytes: class, Limits: Limits{SignalsPerIdentifier: most}}}, scope: testScope},
		refs:    newNames(16, 0),
		book:    newBook(false),
		records: published{pieces: [][]byte{bytes.Join(all, nil)}, size: recordSize(class), per: max(1, len(all)), n: len(all)},
	}
	for account, name := range []string{"phone", "both"} {
		addText(&r.refs.texts, name)
		hold := func(n byte, kind hashing.Kind, place uint32) {
			putOne(r.book, item{n}, kind, uint32(account), place)
		}
		if name == "both" {
			hold(0, hashing.Phone, 3)
			hold(1, hashing.InstallID, 2)
		} else {
			hold(0, hashing.Phone, 0)
		}
	}
	_, err := r.book.settle()
	require.NoError(t, err)
	*r.book.value(0), *r.book.value(1) = *testPRF("phone"), *testPRF("device")
	return r.lookUp(), r.sum
}

func TestLookUp(t *testing.T) {
	one := func(m []Match, account string) MatchedSignal {
		for _, x := range m {
			if x.Account == account {
				require.Len(t, x.Signals, 1)
				return x.Signals[0]
			}
		}
		t.Fatal("no match of ", account)
		return MatchedSignal{}
	}

	m, sum := lookUpAll(t, 4)
	require.Empty(t, m)
	require.Zero(t, sum.Unreadable)

	m, _ = lookUpAll(t, 4, record{"phone", 0, 1, 5, Add, "x", false}, record{"device", 0, 1, 5, Add, "x", false})
	require.Len(t, m, 2)
	require.Equal(t, MatchedSignal{uuid.UUID{1}, 5, []hashing.Kind{hashing.Phone, hashing.InstallID}, []int{2, 3}, []byte("x")}, one(m, "both"))
	require.Equal(t, []hashing.Kind{hashing.Phone}, one(m, "phone").Kinds)

	// Of two revisions the higher counts, whichever is opened first.
	for _, swap := range []bool{false, true} {
		a, b := uint64(5), uint64(6)
		if swap {
			a, b = b, a
		}
		m, sum = lookUpAll(t, 4, record{"phone", 0, 1, a, Add, "x", false}, record{"device", 0, 1, b, Add, "y", false})
		s := one(m, "both")
		require.Equal(t, uint64(6), s.Sequence)
		require.Len(t, s.Kinds, 1, "the older revision adds nothing")
		require.Zero(t, sum.Unreadable)
		m, _ = lookUpAll(t, 4, record{"phone", 0, 1, a, Add, "x", false}, record{"phone", 1, 1, b, Add, "y", false})
		require.Equal(t, uint64(6), one(m, "phone").Sequence)
	}

	// One revision that says two things says nothing.
	m, sum = lookUpAll(t, 4, record{"phone", 0, 1, 5, Add, "x", false}, record{"device", 0, 1, 5, Add, "y", false})
	require.Len(t, m, 1)
	require.Equal(t, "phone", m[0].Account, "who holds one identifier sees no contradiction")
	require.Equal(t, 1, sum.Unreadable)

	// What does not open, or does something else, is counted and passed over, and
	// hides nothing that comes after it.
	m, sum = lookUpAll(t, 4, record{"phone", 0, 1, 5, Add, "x", true}, record{"phone", 1, 2, 5, Add, "y", false})
	require.Equal(t, uuid.UUID{2}, one(m, "phone").ID)
	require.Equal(t, 1, sum.Unreadable)
	m, sum = lookUpAll(t, 4, record{"phone", 0, 1, 5, Add + 1, "x", false})
	require.Empty(t, m)
	require.Equal(t, 1, sum.Unreadable)

	// No more signals about one identifier than the agreement allows.
	many := make([]record, 5)
	for j := range many {
		many[j] = record{"phone", uint32(j), byte(j + 1), 1, Add, "x", false}
	}
	m, _ = lookUpAll(t, 3, many...)
	require.Len(t, m[0].Signals, 3)
	m, _ = lookUpAll(t, 5, many...)
	require.Len(t, m[0].Signals, 5)
	// The first tag that is missing ends the search.
	m, _ = lookUpAll(t, 5, many[0], many[2])
	require.Len(t, m[0].Signals, 1)
}

// Many items, looked up in several jobs: each account has one, and hears of its own.
func TestLookUpMany(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const n = 3*lookRun + 100
	for _, class := range []int{0, 64} {
		r := &receiver{
			session: &session{cfg: Config{Workers: 3, Agreement: &Agreement{LabelBytes: class, Limits: Limits{SignalsPerIdentifier: 4}}}, scope: testScope},
			refs:    newNames(16, 0), book: newBook(false),
		}
		want := []Match{}
		var values []prf
		var all [][]byte
		l := newLabels(&testScope, class)
		for i := range uint32(n) {
			ref := fmt.Sprintf("%08d", i)
			addText(&r.refs.texts, ref)
			putOne(r.book, item{byte(i >> 16), byte(i >> 8), byte(i)}, hashing.Phone, i, i%5)
			value := testPRF(ref)
			values = append(values, *value)
			if random.IntN(100) > 0 {
				continue
			}
			name := value.tag(0)
			s := MatchedSignal{Kinds: []hashing.Kind{hashing.Phone}, Places: []int{int(i % 5)}}
			if class > 0 {
				s.ID, s.Sequence, s.Label = uuid.UUID{byte(i >> 16), byte(i >> 8), byte(i), 1}, uint64(i), []byte(ref)
				all = append(all, l.seal(name[:], value, &content{s.ID, s.Sequence, Add, s.Label}))
			} else {
				all = append(all, name[:])
			}
			want = append(want, Match{ref, []MatchedSignal{s}})
		}
		for i := range values { // in place of the items, which are looked at no more
			*r.book.value(uint32(i)) = values[i]
		}
		slices.SortFunc(all, bytes.Compare)
		r.records = published{pieces: [][]byte{bytes.Join(all, nil)}, size: recordSize(class), per: len(all), n: len(all)}
		require.Equal(t, want, r.lookUp())
	}
}
