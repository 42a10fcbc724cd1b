package expr

import "strings"

// DynamicSource is where {{resolve:service:name:version}} reads.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
func DynamicSource(ref string) (kind, name string) {
	service, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(ref, "{{resolve:"), "}}"), ":")
	switch service {
	case "ssm", "ssm-secure":
		if !strings.HasPrefix(name, "arn:") {
			name, _ = CutOutside(name, ':', false) // the version
		}
		return SourceSSM, name
	case "secretsmanager":
		return SourceSecret, name
	}
	return SourceUnknown, ref
}

// CutOutside cuts text at the first (or last) c that stands outside ${…}.
func CutOutside(text string, c byte, last bool) (before, after string) {
	at, depth := -1, 0
	for i := range len(text) {
		switch {
		case strings.HasPrefix(text[i:], "${"), strings.HasPrefix(text[i:], "{{"):
			depth++
		case text[i] == '}' && depth > 0:
			depth--
		case text[i] == c && depth == 0 && (last || at < 0):
			at = i
		}
	}
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+1:]
}
