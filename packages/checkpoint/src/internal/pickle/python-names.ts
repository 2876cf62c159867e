/**
 * Modules of Python 2 by which pickles of the protocols 0 to 2 name modules of Python 3, as far as
 * anything of them is known here. Source: `_compat_pickle` of Python 3, with the names below.
 */
const modules: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['UserDict', 'collections'],
  ['UserList', 'collections'],
  ['UserString', 'collections'],
]);

/** Names that are not the same within their module. */
const names: ReadonlyMap<string, string> = new Map([
  ['__builtin__.basestring', 'builtins.str'],
  ['__builtin__.long', 'builtins.int'],
  ['__builtin__.unicode', 'builtins.str'],
  ['__builtin__.xrange', 'builtins.range'],
  ['UserDict.IterableUserDict', 'collections.UserDict'],
]);

/**
 * Returns the name of Python 3 for a name in a pickle. Python 3 writes `int` as `__builtin__.long`
 * and `str` as `__builtin__.unicode` in the protocol of `torch.save`.
 */
export function modernName(name: string): string {
  const point = name.indexOf('.');
  const module = modules.get(name.slice(0, point));
  return names.get(name) ?? (module === undefined ? name : module + name.slice(point));
}

/**
 * Packages and modules that come with Python 2 or 3, as far as they hold anything that can be
 * called: nothing of them belongs into a checkpoint, apart from the few that are known.
 */
const ofPython: ReadonlySet<string> = new Set(
  `abc aifc antigravity anydbm argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb
  binascii binhex bisect bsddb builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd code codecs
  codeop collections colorsys commands compileall concurrent configparser contextlib contextvars copy copy_reg copyreg
  crypt csv ctypes curses dataclasses datetime dbm decimal difflib dircache dis distutils doctest email encodings
  ensurepip enum errno exceptions faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath
  getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http httplib idlelib imaplib imghdr imp importlib
  inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes
  mmap modulefinder msilib msvcrt multiprocessing netrc new nis nntplib nt ntpath nturl2path numbers opcode operator
  optparse os os2emxpath ossaudiodev parser pathlib pdb pickle pickletools pipes pkgutil platform
  plistlib popen2 poplib posix posixfile posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat
  queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve
  shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl
  stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib
  tempfile termios test textwrap this threading thread time timeit tkinter token tokenize tomllib trace traceback
  tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib urllib2 urlparse uu uuid venv warnings wave
  weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo`.split(/\s+/),
);

/** Returns whether a name belongs to Python itself, and not to a package or a program. */
export function isOfPython(name: string): boolean {
  const [top = ''] = name.split('.', 1);
  // Modules that begin with an underscore are parts of others, apart from the program itself.
  return ofPython.has(top) || (top.startsWith('_') && top !== '__main__' && top !== '__mp_main__');
}
