"""Things to touch: the method's steps under the reader's hands, in JupyterLab and on a page without a kernel."""
