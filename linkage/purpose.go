package linkage

import (
	"context"
	"errors"
	"fmt"
)

// Purpose is what an agreement allows the shared identifiers to be used for. It
// is bound into every tag, so that what was released for one purpose cannot be
// joined for another. The list is closed; the zero Purpose is invalid.
type Purpose uint8

// The purposes. Those for security come first and run whether or not a user has
// opted out; the others leave out whoever has.
const (
	FraudAndAbusePrevention Purpose = 1 // find and stop fraud and abuse
	Security                Purpose = 2 // keep the services and their users secure
	Advertising             Purpose = 3 // choose advertisements
	Product                 Purpose = 4 // improve or personalise products
	FriendSuggestion        Purpose = 5 // suggest people that a user may know
	Analytics               Purpose = 6 // measure how services are used

	purposeEnd Purpose = 7
)

var purposes = [purposeEnd]struct{ name, dpv string }{
	{"invalid", ""},
	{"fraud_and_abuse_prevention", "dpv:FraudPreventionAndDetection"},
	{"security", "dpv:EnforceSecurity"},
	{"advertising", "dpv:TargetedAdvertising"},
	{"product", "dpv:ImproveExistingProductsAndServices"},
	{"friend_suggestion", "dpv:ProvidePersonalisedRecommendations"},
	{"analytics", "dpv:ServiceUsageAnalytics"},
}

// Valid reports whether p is one of the purposes above.
func (p Purpose) Valid() bool { return p > 0 && p < purposeEnd }

// String gives the name used in an agreement, such as "security".
func (p Purpose) String() string {
	if p.Valid() {
		return purposes[p].name
	}
	return purposes[0].name
}

// DPV gives the purpose's name in the W3C Data Privacy Vocabulary 2.0, and ""
// for an invalid one.
func (p Purpose) DPV() string {
	if p.Valid() {
		return purposes[p].dpv
	}
	return ""
}

// OptOutApplies reports whether users can opt out of this purpose. Security and
// the prevention of fraud and abuse are for everybody; for any other purpose,
// an invalid one included, the opt-out holds.
func (p Purpose) OptOutApplies() bool { return p != FraudAndAbusePrevention && p != Security }

// MarshalText gives the name; an invalid purpose is an error.
func (p Purpose) MarshalText() ([]byte, error) {
	if !p.Valid() {
		return nil, fmt.Errorf("linkage: purpose %d is invalid", uint8(p))
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads a name as String gives it, and nothing else.
func (p *Purpose) UnmarshalText(text []byte) error {
	for q := Purpose(1); q < purposeEnd; q++ {
		if purposes[q].name == string(text) {
			*p = q
			return nil
		}
	}
	*p = 0
	return fmt.Errorf("linkage: unknown purpose")
}

// OptOutRegister is the caller's record of who has opted out of what. It is
// asked for every account before any of its identifiers is used, where
// [Purpose.OptOutApplies]; there a session without a register refuses to start,
// for "no register" does not mean "nobody has opted out".
type OptOutRegister interface {
	// OptedOut reports whether the account, named by the caller's own reference,
	// has opted out of the purpose. An error ends the session: who cannot be
	// asked about is not used.
	OptedOut(ctx context.Context, account string, purpose Purpose) (bool, error)
}

// ErrOptedOut says that an account's user has opted out of the agreement's purpose, where its identifiers
// were given one by one. Sources of accounts leave such users out, and count them.
var ErrOptedOut = errors.New("linkage: the user has opted out of the purpose")

var errAnonymous = errors.New("under a purpose that users can opt out of, an identifier is used for an account alone")

// anonymous refuses identifiers of which nobody says whose they are, where users can opt out.
func (s *session) anonymous() error {
	if s.cfg.Agreement.Purpose.OptOutApplies() {
		return &Error{Code: ErrInput, cause: errAnonymous}
	}
	return nil
}

// allowed asks the register about an account, where users can opt out.
func (s *session) allowed(ctx context.Context, account string) error {
	purpose := s.cfg.Agreement.Purpose
	if !purpose.OptOutApplies() {
		return nil
	}
	out, err := s.cfg.OptOut.OptedOut(ctx, account, purpose)
	if err != nil {
		return &Error{Code: ErrInput, cause: fmt.Errorf("opt-out register: %w", err)}
	}
	if out {
		return &Error{Code: ErrInput, cause: ErrOptedOut}
	}
	return nil
}
