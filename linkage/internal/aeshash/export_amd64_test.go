//go:build !purego

package aeshash

// Implementations are those that this processor can run, by name, each with
// what makes the package use it.
func Implementations() map[string]func() {
	all := map[string]func(){}
	for i, name := range []string{"portable", "xmm", "zmm"} {
		if i := implementation(i); i <= detect() {
			all[name] = func() { best = i }
		}
	}
	return all
}

// Restore makes the package use what it would without a test.
func Restore() { best = detect() }
