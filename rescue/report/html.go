package report

import "io"

// HTML writes the story as one page.
func (s *Story) HTML(w io.Writer) error {
	_, err := io.WriteString(w, "")
	return err
}
