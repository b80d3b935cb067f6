// Package policy decides by rules that are data.
package policy
