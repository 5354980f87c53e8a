// Blocks rendering for a moment, so that no page flashes in the wrong colours. No module: modules come too late.
(function () {
    var root = document.documentElement;
    root.classList.add('js');
    try {
        var theme = localStorage.getItem('theme');
        if (theme === 'light' || theme === 'dark')
            root.dataset.theme = theme;
    } catch (e) {
        // Storage may be forbidden: then the system's colours are used.
    }
})();
