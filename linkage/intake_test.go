package linkage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Input is taken in by the thousand, and still the caller is told of what is wrong first,
// wherever that stands and whatever is wrong behind it.
func TestWhatIsWrongFirstIsSaid(t *testing.T) {
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Limits.Identifiers, a.Limits.Records = 3000, 3000 })
	ids := make([]hashing.Identifier, 4000)
	for i := range ids {
		ids[i] = device(t, hashing.InstallID, uint64(i))
	}
	broken := errors.New("source is broken")
	const (
		repeat = "its Ref was given before" // or its ID
		zero   = "a zero identifier"
		over   = "3001 asked for"
		source = "source is broken"
	)
	for name, c := range map[string]struct {
		n      int // accounts of an identifier each
		repeat int // the account with the name of the one before it; 0 for none
		zero   int // the account with a zero identifier
		want   string
	}{
		"repeat, then source":           {n: 10, repeat: 5, want: repeat},
		"repeat, then zero":             {n: 10, repeat: 5, zero: 6, want: repeat},
		"zero, then repeat":             {n: 10, repeat: 6, zero: 5, want: zero},
		"both at one":                   {n: 10, repeat: 5, zero: 5, want: repeat},
		"repeat, then the cap":          {n: 3002, repeat: 3000, want: repeat},
		"the cap, then repeat":          {n: 3004, repeat: 3002, want: over},
		"the cap, then zero":            {n: 3002, zero: 3001, want: over},
		"the cap, then source":          {n: 3001, want: over},
		"source":                        {n: 3000, want: source},
		"repeat across a whole run":     {n: 2900, repeat: 2500, want: repeat},
		"zero in the run after another": {n: 2900, zero: 2500, want: zero},
	} {
		t.Run(name, func(t *testing.T) {
			var accounts []linkage.Account
			var signals []linkage.Flagged
			for i := range c.n {
				id, name := ids[i], i
				if c.zero > 0 && i == c.zero {
					id = hashing.Identifier{}
				}
				if c.repeat > 0 && i == c.repeat {
					name--
				}
				accounts = append(accounts, linkage.Account{Ref: fmt.Sprint(name), Identifiers: []hashing.Identifier{id}})
				signals = append(signals, linkage.Flagged{ID: uuid.UUID{1, byte(name >> 8), byte(name)}, Identifiers: []hashing.Identifier{id}})
			}
			for _, workers := range []int{1, 3} {
				rc, tc := p.ReceiverConfig(), p.TransmitterConfig()
				rc.Workers, tc.Workers = workers, workers
				tConn, rConn := linkagetest.Pipe()
				_, _, err := linkage.Receive(linkagetest.AllowPlain(t.Context()), rConn, rc, failing(accounts, broken))
				_ = tConn.Close()
				require.ErrorContains(t, err, c.want)
				_, err = linkage.Publish(t.Context(), tc, failing(signals, broken))
				if c.want == repeat {
					require.ErrorContains(t, err, fmt.Sprintf("signal %d: its ID was given before", c.repeat))
				} else {
					require.ErrorContains(t, err, c.want)
				}
			}
		})
	}
}
