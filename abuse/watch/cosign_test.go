package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// pointed is a store that counts what is read of it, and in which nothing is scanned.
type pointed struct {
	abuse.Store
	gets *int
}

type pointedReader struct {
	abuse.Reader
	gets *int
}

func (p pointed) View(ctx context.Context, f func(abuse.Reader) error) error {
	return p.Store.View(ctx, func(r abuse.Reader) error { return f(pointedReader{r, p.gets}) })
}

func (r pointedReader) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	*r.gets += len(keys)
	return r.Reader.Get(t, keys...)
}

func (pointedReader) Scan(abuse.Table, []byte, []byte, int) ([]abuse.Row, error) {
	return nil, errors.New("a scan")
}

// The last record is found by a few reads, however many there are.
func TestLastRecord(t *testing.T) {
	p := newParties(t, nil)
	gets := 0
	r := &Receiver{link: p.agreement.ID, cfg: ReceiverConfig{Store: pointed{abuse.NewMemory(), &gets}}}
	for n := range uint64(300) {
		gets = 0
		last, err := r.lastRecord(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, gets, 20)
		if n == 0 {
			require.Nil(t, last)
		} else {
			require.Equal(t, n, last.Sequence)
		}
		next := linkage.SessionRecord{Agreement: p.agreement.Digest(), Sequence: n + 1, From: testNow, Until: testNow.Add(time.Hour)}
		require.NoError(t, next.Sign(p.agreement, linkage.Transmitter, p.transmitter))
		value, err := recordValue(&next)
		require.NoError(t, err)
		require.NoError(t, r.cfg.Store.Update(t.Context(), func(w abuse.Writer) error {
			return w.Put(abuse.SessionRecords, recordKey(r.link, n+1), value)
		}))
	}
}
