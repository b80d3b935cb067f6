package hashing

import "fmt"

// Kind is a sort of identifier. The zero Kind is invalid. The numbers are part
// of every digest and of the wire format: they never change.
type Kind uint8

// The kinds of identifier that can be matched.
const (
	Phone         Kind = 1 // a telephone number, in any spelling
	IMEI          Kind = 2 // a mobile device, 15 digits (16 as IMEISV)
	MEID          Kind = 3 // a CDMA device, 14 hex or 18 decimal digits
	AdvertisingID Kind = 4 // Apple's IDFA or Android's AAID, a UUID
	VendorID      Kind = 5 // Apple's IDFV, a UUID, one a vendor
	AndroidID     Kind = 6 // Android's SSAID, 64 bits, one an app's signing key
	InstallID     Kind = 7 // the service family's own, a UUID or 64 or 128 bits

	kindEnd Kind = 8
)

// Scope says within which bounds an identifier names the same device or line.
type Scope uint8

// The scopes. The zero Scope is invalid.
const (
	ScopeGlobal Scope = iota + 1 // the same for everybody
	ScopeVendor                  // the same for the apps of one vendor
	ScopeApp                     // the same for the apps under one signing key
	ScopeFamily                  // the same for the services that issue it
)

var kindNames = [kindEnd]string{"invalid", "phone", "imei", "meid", "advertising_id", "vendor_id", "android_id", "install_id"}

// String gives the name that [ParseKind] takes, such as "advertising_id", and
// "invalid" for anything else.
func (k Kind) String() string {
	if k < kindEnd {
		return kindNames[k]
	}
	return kindNames[0]
}

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k > 0 && k < kindEnd }

// Device reports whether k names a device and not a line.
func (k Kind) Device() bool { return k.Valid() && k != Phone }

// Scope says within which bounds identifiers of this kind are the same. Two
// services that do not share the vendor, the signing key or the issuer can never
// meet the same value of a scoped kind.
func (k Kind) Scope() Scope {
	switch k {
	case Phone, IMEI, MEID, AdvertisingID:
		return ScopeGlobal
	case VendorID:
		return ScopeVendor
	case AndroidID:
		return ScopeApp
	case InstallID:
		return ScopeFamily
	}
	return 0
}

// String gives "global", "vendor", "app" or "family".
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeVendor:
		return "vendor"
	case ScopeApp:
		return "app"
	case ScopeFamily:
		return "family"
	}
	return "invalid"
}

// ParseKind reads a name as [Kind.String] gives it. Anything else is an
// [*Error] with [ReasonUnknownKind].
func ParseKind(name string) (Kind, error) {
	for k := Phone; k < kindEnd; k++ {
		if kindNames[k] == name {
			return k, nil
		}
	}
	return 0, &Error{Reason: ReasonUnknownKind}
}

// MarshalText gives the kind's name; an invalid kind is an error.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.Valid() {
		return nil, fmt.Errorf("hashing: kind %d is invalid", uint8(k))
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads a kind's name as [ParseKind] does.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKind(string(text))
	return err
}
