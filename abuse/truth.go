package abuse

// Truth is yes, no or unknown, with the strong logic of Kleene: an answer holds
// only if it holds whatever the unknown turns out to be. The zero Truth is Unknown.
type Truth uint8

// The three truths.
const (
	Unknown Truth = 0
	Yes     Truth = 1
	No      Truth = 2
)

var truthNames = []string{"unknown", "yes", "no"}

// String gives "unknown", "yes", "no", and "invalid" for anything else.
func (t Truth) String() string { return nameOf(t, truthNames) }

// MarshalText gives the word; anything but the three is an [*Error].
func (t Truth) MarshalText() ([]byte, error) {
	if t > No {
		return nil, &Error{Field: "truth", Problem: "is invalid"}
	}
	return []byte(truthNames[t]), nil
}

// UnmarshalText reads what [Truth.String] gives; anything else is an [*Error].
func (t *Truth) UnmarshalText(text []byte) (err error) {
	if string(text) == truthNames[Unknown] {
		*t = Unknown
		return nil
	}
	*t, err = parseEnum[Truth](string(text), "truth", truthNames)
	return err
}

// And is No if either is No, Yes if both are Yes, and else Unknown.
func (t Truth) And(u Truth) Truth {
	switch {
	case t == No || u == No:
		return No
	case t == Yes && u == Yes:
		return Yes
	}
	return Unknown
}

// Or is Yes if either is Yes, No if both are No, and else Unknown.
func (t Truth) Or(u Truth) Truth {
	switch {
	case t == Yes || u == Yes:
		return Yes
	case t == No && u == No:
		return No
	}
	return Unknown
}

// Not turns Yes and No round; what is unknown stays unknown.
func (t Truth) Not() Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

// agree is what t and u have in common: Unknown where they differ.
func (t Truth) agree(u Truth) Truth {
	if t == u {
		return t
	}
	return Unknown
}

func truthOf(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// rank orders truths by how near they are to Yes.
func (t Truth) rank() int {
	switch t {
	case Yes:
		return 2
	case No:
		return 0
	}
	return 1
}
