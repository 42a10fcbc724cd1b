// Package migrate keeps database migrations from stopping a deployment: it
// says where the migration tool's own table stands, and puts it right when a
// migration was applied but not recorded.
//
// Databases are usually private. Everything here therefore works through a
// [Command]: a function that runs the migration tool where it can reach the
// database, such as a one-off ECS task of the application's own image.
package migrate
