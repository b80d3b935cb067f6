package linkage_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Identifiers that are given one by one ask the register about their account, and are refused where
// nobody says whose they are; for security nobody is asked.
func TestOptOutOneByOne(t *testing.T) {
	one, two := []hashing.Identifier{phone(t, 1)}, []hashing.Identifier{phone(t, 2)}
	for _, purpose := range []linkage.Purpose{linkage.Security, linkage.Analytics} {
		p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Purpose = purpose })
		register := &optOuts{out: map[string]bool{"out": true}}
		tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
		tc.OptOut, rc.OptOut = register, register
		tc.Now = feedStart
		epoch, ok := p.Agreement.Epoch(tc.Now)
		require.True(t, ok)
		evaluator, err := linkage.NewEvaluator(tc)
		require.NoError(t, err)
		blinder, err := linkage.NewBlinder(rc, epoch, evaluator.Opening())
		require.NoError(t, err)
		sealer, err := linkage.NewSealer(tc, nil)
		require.NoError(t, err)
		keeper := linkage.NewKeeper(p.Agreement, epoch, hashing.NewKey())

		_, nameless := blinder.Blind(t.Context(), one)
		_, unsaid := sealer.Values(keeper, one[0])
		_, both := blinder.BlindFor(t.Context(), []linkage.Account{{Ref: "in", Identifiers: one}, {Ref: "out", Identifiers: two}})
		_, out := sealer.ValuesFor(t.Context(), keeper, "out", two[0])
		for _, err := range []error{nameless, unsaid, both, out} {
			if purpose == linkage.Security {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, linkage.ErrInput)
			}
		}
		if purpose == linkage.Security {
			require.Empty(t, register.asked)
			continue
		}
		require.ErrorIs(t, both, linkage.ErrOptedOut)
		require.ErrorIs(t, out, linkage.ErrOptedOut)
		b, err := blinder.BlindFor(t.Context(), []linkage.Account{{Ref: "in", Identifiers: one}})
		require.NoError(t, err)
		answer, err := evaluator.Evaluate(t.Context(), b.Request())
		require.NoError(t, err)
		kept, err := b.Finish(answer, keeper)
		require.NoError(t, err)
		about, err := sealer.ValuesFor(t.Context(), keeper, "in", one[0])
		require.NoError(t, err)
		require.Equal(t, kept[0].Token, about.Token)

		errBroken := errors.New("register is down")
		register.err = errBroken
		_, err = blinder.BlindFor(t.Context(), []linkage.Account{{Ref: "in", Identifiers: one}})
		require.ErrorIs(t, err, errBroken, "who cannot be asked about is not used")
	}
}
