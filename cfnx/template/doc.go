// Package template reads and edits the text of CloudFormation templates, YAML or
// JSON: it finds every container image, and changes images, values and entries
// without touching another byte. It calls nothing and imports nothing of AWS.
//
//	found, err := template.FindImages(text)
//	patch, err := template.PatchImages(text, template.ByContainer(map[string]string{"web": ":v2"}))
//	fmt.Println(patch.Edits, patch.Unpatched) // by line, and where a value comes from elsewhere
//	patch, err = template.SetValues(patch.Template, []template.Value{{Path: "/Parameters/Tag/Default", Value: "v2"}})
//	patch, err = template.AddEntries(patch.Template, entries)
//	err = os.WriteFile("app.yaml", patch.Template, 0o644)
//
// A template is never written anew from what was read: bytes are replaced, and
// the result is read again to prove that nothing else has changed.
//
// The package is stable within a minor version.
package template
