package abuse_test

import (
	"encoding"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// The words and numbers of every enumeration. They are in files and on the wire.
func TestWords(t *testing.T) {
	type word interface {
		fmt.Stringer
		encoding.TextMarshaler
	}
	for name, c := range map[string]struct {
		of    func(uint8) word
		to    func() (encoding.TextUnmarshaler, func() word)
		words []string
	}{
		"category": {func(n uint8) word { return abuse.Category(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Category)
			return v, func() word { return *v }
		}, []string{"spam", "phishing", "scam_fraud", "malware", "fake_account", "account_takeover", "impersonation", "harassment", "platform_manipulation", "child_safety", "intimate_imagery", "terrorism", "illegal_goods", "scraping", "other"}},
		"action": {func(n uint8) word { return abuse.Action(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Action)
			return v, func() word { return *v }
		}, []string{"none", "label", "friction", "limit", "suspend", "disable"}},
		"class": {func(n uint8) word { return abuse.Class(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Class)
			return v, func() word { return *v }
		}, []string{"confirmed", "predictive"}},
		"severity": {func(n uint8) word { return abuse.Severity(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Severity)
			return v, func() word { return *v }
		}, []string{"low", "medium", "high", "critical"}},
		"review": {func(n uint8) word { return abuse.Review(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Review)
			return v, func() word { return *v }
		}, []string{"none", "automatic", "human"}},
		"permission": {func(n uint8) word { return abuse.Permission(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Permission)
			return v, func() word { return *v }
		}, []string{"none", "contact-for-instruction", "internally-visible-actions", "externally-visible-indirect-actions", "externally-visible-direct-actions"}},
		"mode": {func(n uint8) word { return abuse.Mode(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Mode)
			return v, func() word { return *v }
		}, []string{"live", "background", "backtest"}},
		"scope": {func(n uint8) word { return abuse.Scope(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Scope)
			return v, func() word { return *v }
		}, []string{"account", "services"}},
		"guard": {func(n uint8) word { return abuse.Guard(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Guard)
			return v, func() word { return *v }
		}, []string{"recycled", "over_shared", "unverified", "expired", "future", "echo", "permitted_actions", "predictive", "device_only"}},
		"leaf": {func(n uint8) word { return abuse.Leaf(n) }, func() (encoding.TextUnmarshaler, func() word) {
			v := new(abuse.Leaf)
			return v, func() word { return *v }
		}, []string{"category", "step", "confirmed", "confidence", "severity", "reports", "reviewed", "phone", "device", "corroborated", "phone_alone", "device_alone", "expression"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, want := range c.words {
				w := c.of(uint8(i + 1))
				assert.Equal(t, want, w.String())
				text, err := w.MarshalText()
				require.NoError(t, err)
				assert.Equal(t, want, string(text))
				to, value := c.to()
				require.NoError(t, to.UnmarshalText(text))
				assert.Equal(t, w, value())
			}
			for _, n := range []uint8{0, uint8(len(c.words) + 1), 255} {
				assert.Equal(t, "invalid", c.of(n).String())
				_, err := c.of(n).MarshalText()
				assert.Error(t, err)
			}
			for _, bad := range []string{"", "invalid", "Spam", " spam", "+4915210947617"} {
				to, value := c.to()
				err := to.UnmarshalText([]byte(bad))
				var e *abuse.Error
				require.ErrorAs(t, err, &e)
				assert.NotContains(t, err.Error(), "4915")
				assert.Equal(t, c.of(0), value())
			}
		})
	}
	_, err := abuse.ParseCategory("scam_fraud")
	require.NoError(t, err)
	_, err = abuse.ParseAction("suspend")
	require.NoError(t, err)
	for a, c := range map[abuse.Permission]abuse.Action{0: abuse.None, abuse.PermitNone: abuse.None, abuse.PermitContact: abuse.Label,
		abuse.PermitInternal: abuse.Label, abuse.PermitIndirect: abuse.Limit, abuse.PermitDirect: abuse.Disable, 6: abuse.None} {
		assert.Equal(t, c, a.Cap(), a)
	}
}

// Kleene's tables, by trying out what the unknown may turn out to be.
func TestTruth(t *testing.T) {
	all := []abuse.Truth{abuse.Unknown, abuse.Yes, abuse.No}
	worlds := func(v abuse.Truth) []bool {
		switch v {
		case abuse.Yes:
			return []bool{true}
		case abuse.No:
			return []bool{false}
		}
		return []bool{true, false}
	}
	fold := func(outcomes []bool) abuse.Truth {
		yes, no := false, false
		for _, o := range outcomes {
			yes, no = yes || o, no || !o
		}
		switch {
		case yes && no:
			return abuse.Unknown
		case yes:
			return abuse.Yes
		}
		return abuse.No
	}
	for _, a := range all {
		var not []bool
		for _, x := range worlds(a) {
			not = append(not, !x)
		}
		assert.Equal(t, fold(not), a.Not())
		for _, b := range all {
			var and, or []bool
			for _, x := range worlds(a) {
				for _, y := range worlds(b) {
					and, or = append(and, x && y), append(or, x || y)
				}
			}
			assert.Equal(t, fold(and), a.And(b), "%v and %v", a, b)
			assert.Equal(t, fold(or), a.Or(b), "%v or %v", a, b)
		}
		text, err := a.MarshalText()
		require.NoError(t, err)
		var back abuse.Truth
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, a, back)
	}
	var zero abuse.Truth
	assert.Equal(t, abuse.Unknown, zero)
	_, err := abuse.Truth(3).MarshalText()
	assert.Error(t, err)
	assert.Error(t, zero.UnmarshalText([]byte("maybe")))
}
