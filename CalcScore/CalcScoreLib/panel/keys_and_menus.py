"""Keys, menus and the wheel: what each does over a widget, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import ctk
import qt

Choice = TypeVar("Choice")


def add_key(widget: Any, key: str, function: Callable[[], Any], context: Any = qt.Qt.WidgetShortcut) -> Any:
    """Let a key do something where a widget has the focus.

    Parameters
    ----------
    widget : QWidget
        The widget.
    key : str
        Name of the key, e.g. ``"Return"``.
    function : callable
        What it does.
    context : Qt.ShortcutContext
        Whether the widget alone counts, or those in it too.

    Returns
    -------
    QShortcut
        To switch the key off and on.
    """
    shortcut = qt.QShortcut(qt.QKeySequence(key), widget)
    shortcut.setContext(context)
    shortcut.connect("activated()", function)
    return shortcut


def let_wheel_scroll(root: Any) -> None:
    """Let the wheel scroll the page over its lists, those inside node selectors too, and choose nothing in them."""
    for combo in root.findChildren(ctk.ctkComboBox):
        combo.scrollWheelEffect = ctk.ctkComboBox.NeverScroll


def menu_of(parent: Any, entries: Iterable[tuple[str, Choice]], chosen: Callable[[Choice], Any]) -> Any:
    """Make a menu.

    Parameters
    ----------
    parent : QWidget
        Whom it belongs to.
    entries : iterable of (str, object)
        Text of each entry, and what it stands for.
    chosen : callable
        Called with what the entry that was chosen stands for.

    Returns
    -------
    QMenu
        The menu, not shown yet.
    """
    menu = qt.QMenu(parent)
    for text, choice in entries:
        menu.addAction(text).connect("triggered()", lambda choice=choice: chosen(choice))
    return menu
